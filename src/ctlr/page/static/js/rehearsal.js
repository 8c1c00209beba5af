/** Five seconds recorded, joined, judged and thrown away; only where this controller can. */
import { call } from 'ctlr/api.js';
import { bind } from 'ctlr/bind.js';

const WORDS = { none: '', recording: 'Recording five seconds…', joining: 'Joining…', looking: 'Looking at the pictures…' };
const LEVELS = { pass: 'ok', fail: 'bad', unknown: '' };

export class Rehearsal {
  constructor(say) {
    this.say = say;
    this.shown = {};
    this.row = document.getElementById('rehearsal');
    this.button = document.getElementById('rehearse');
    this.button.addEventListener('click', () => this.begin());
    this.read().then(() => { this.button.hidden = false; }, () => {});
  }

  async begin() {
    this.button.disabled = true;
    try {
      await call('POST', '/api/rehearsal');
      while (await this.read()) await new Promise((done) => setTimeout(done, 400));
    } catch (error) {
      this.say(error.message);
    }
    this.button.disabled = false;
  }

  /** Whether one goes on. Throws where there is no such thing. */
  async read() {
    const told = await call('GET', '/api/rehearsal');
    this.shown = {
      rehearsal: {
        text: told.text ?? WORDS[told.state] ?? '',
        level: LEVELS[told.result] ?? '',
        checks: told.checks.map((check) => ({ level: LEVELS[check.result], text: check.text })),
      },
    };
    bind(this.row, this.shown);
    return told.state !== 'none' && told.state !== 'done';
  }
}
