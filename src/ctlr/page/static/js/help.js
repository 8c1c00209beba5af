/** Help: read only. */
import { beginScreen } from 'ctlr/screen.js';

beginScreen();
