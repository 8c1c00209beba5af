/** The list of takes: painted by the controller, again when it has changed. */
import { beginScreen } from 'ctlr/screen.js';
import { Fresh } from 'ctlr/fresh.js';

const fresh = new Fresh('#list');
beginScreen({ onView: (view) => fresh.see(view.sessions) });
