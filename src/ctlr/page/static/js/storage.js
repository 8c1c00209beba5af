/** The drive. */
import { beginScreen } from 'ctlr/screen.js';

beginScreen();
