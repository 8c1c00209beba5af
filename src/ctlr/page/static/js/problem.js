/** Nothing was found. */
import { beginScreen } from 'ctlr/screen.js';

beginScreen();
