/** The large button. A start is one tap; a stop is two, at two places, within four seconds. */
import { insist, newUuid } from 'ctlr/api.js';
import { say, whoAmI } from 'ctlr/screen.js';

const SURE_WITHIN_MS = 4000;

export class Recorder {
  constructor() {
    this.go = document.getElementById('go');
    this.text = document.getElementById('go-text');
    this.now = document.getElementById('stop-now');
    this.hint = document.getElementById('slot-hint');
    this.left = document.getElementById('stop-left');
    this.label = document.getElementById('label');
    this.uuid = document.body.dataset.uuid || null;
    this.go.addEventListener('click', () => this.press());
    this.now.addEventListener('click', () => this.stop());
    this.go.closest('section').addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.unask();
    });
  }

  see(view) {
    this.uuid = view.head.uuid;
    if (view.head.mode !== 'recording' && view.head.mode !== 'arming') this.unask();
    else if (this.asking) this.text.textContent = 'Keep recording';
  }

  press() {
    if (this.busy) return;
    if (this.go.dataset.does === 'start') this.start();
    else if (this.asking) this.unask();
    else this.ask();
  }

  ask() {
    const until = Date.now() + SURE_WITHIN_MS;
    this.now.hidden = false;
    this.hint.hidden = true;
    this.said = this.text.textContent;
    this.text.textContent = 'Keep recording';
    this.asking = setInterval(() => {
      const left = until - Date.now();
      this.left.textContent = `(${Math.max(1, Math.ceil(left / 1000))})`;
      if (left <= 0) this.unask();
    }, 100);
  }

  unask() {
    if (!this.asking) return;
    clearInterval(this.asking);
    this.asking = undefined;
    this.now.hidden = true;
    this.hint.hidden = false;
    this.text.textContent = this.go.dataset.does === 'stop' ? this.said : this.text.textContent;
  }

  async start() {
    const uuid = newUuid();
    const label = this.label.value.trim();
    const query = new URLSearchParams({ uuid, by: whoAmI(), ...(label && { label }) });
    await this.while('Starting…', async () => {
      const told = await insist('POST', `/api/record/start?${query}`);
      this.label.value = '';
      this.uuid = told.uuid;
      const failed = told.cameras.filter((camera) => !camera.started);
      if (failed.length) say(`Not recording yet: ${failed.map((camera) => `${camera.name} (${camera.error})`).join(', ')}.`, 12000);
    });
  }

  async stop() {
    const uuid = this.uuid;
    this.unask();
    await this.while('Stopping…', async () => {
      const query = new URLSearchParams({ by: whoAmI(), ...(uuid && { uuid }) });
      await insist('POST', `/api/record/stop?${query}`);
    });
  }

  async while(word, work) {
    this.busy = true;
    const before = this.text.textContent;
    this.text.textContent = word;
    this.go.dataset.busy = 'yes';
    try {
      await work();
    } catch (error) {
      this.text.textContent = before;
      say(error.message, 15000);
    } finally {
      this.busy = false;
      delete this.go.dataset.busy;
    }
  }
}
