/** The record screen. */
import { beginScreen, say } from 'ctlr/screen.js';
import { Recorder } from 'ctlr/recorder.js';
import { Leaving } from 'ctlr/leaving.js';
import { Marks } from 'ctlr/marks.js';
import { Stills } from 'ctlr/stills.js';
import { Asking } from 'ctlr/asking.js';
import { aim } from 'ctlr/aim.js';
import { arm, disarm, heed, isArmed } from 'ctlr/alarm.js';
import { Rehearsal } from 'ctlr/rehearsal.js';

const recorder = new Recorder();
const leaving = new Leaving();
const asking = new Asking();
const rehearsal = new Rehearsal(say);
const stills = new Stills(document.getElementById('cameras'), { onAim: aim });
const armButton = document.getElementById('arm');
new Marks();

armButton.addEventListener('click', () => {
  if (isArmed()) disarm();
  else arm();
  armButton.setAttribute('aria-pressed', String(isArmed()));
  document.getElementById('arm-text').textContent = isArmed()
    ? 'A camera that is lost is heard while this page is open.'
    : 'A camera that is lost can be heard, once armed.';
});

beginScreen({
  keepHidden: isArmed,
  extra: (view) => ({ ...view, ...leaving.with(view), ...rehearsal.shown, asked: { lines: view.idle ? asking.lines : [] } }),
  onView(view) {
    recorder.see(view);
    leaving.see(view);
    asking.see(view);
    stills.setRecording(!view.idle);
    heed(view.hands);
  },
});
