/** What cameras and phone say only when they are asked: on opening, every twenty seconds, on a tap. */
import { call } from 'ctlr/api.js';
import { measureClock } from 'ctlr/marks.js';

const EVERY_MS = 20000;

export class Asking {
  constructor() {
    this.lines = [];
    this.idle = !document.getElementById('ask').closest('[hidden]');
    this.text = document.getElementById('asked-text');
    document.getElementById('ask').addEventListener('click', () => this.ask(true));
    setInterval(() => {
      if (this.idle && !document.hidden) this.ask(false);
    }, EVERY_MS);
    measureClock().catch(() => {});
    if (this.idle) this.ask(false);
  }

  see(view) {
    this.idle = view.idle;
  }

  async ask(aloud) {
    if (this.busy) return;
    this.busy = true;
    if (aloud) this.text.textContent = 'Asking…';
    try {
      const told = await call('GET', `/page/preflight?client_time_ms=${Date.now()}`);
      this.lines = told.lines;
      const { bind } = await import('ctlr/bind.js');
      bind(document.querySelector('[data-each="asked.lines"]'), { asked: told });
      if (aloud) this.text.textContent = told.lines.length ? 'See above.' : 'They say nothing more.';
    } catch (error) {
      if (aloud) this.text.textContent = error.message;
    }
    this.busy = false;
  }
}
