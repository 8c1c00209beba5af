/** Marks, at the instant of the tap by the controller's clock, however long the Wi-Fi takes. */
import { insist } from 'ctlr/api.js';
import { say } from 'ctlr/screen.js';
import { controllerNow, hearTime, timeOf } from 'ctlr/times.js';

export class Marks {
  constructor() {
    this.label = document.getElementById('mark-label');
    document.getElementById('mark').addEventListener('submit', (event) => this.set(event));
  }

  async set(event) {
    event.preventDefault();
    const atMs = Math.round(controllerNow());
    const label = this.label.value.trim() || null;
    this.label.value = '';
    try {
      const told = await insist('POST', '/api/sessions/current/marks', { at_ms: atMs, label });
      say(`Marked ${timeOf(told.at_ms)}${told.label ? `: ${told.label}` : ''}.`, 4000);
    } catch (error) {
      this.label.value = label ?? '';
      say(error.message);
    }
  }
}

/** How far this phone's clock is from the controller's: the quickest of some exchanges counts. */
export async function measureClock(times = 5) {
  let best = { bound: Infinity, at: 0 };
  for (let i = 0; i < times; i += 1) {
    const sent = performance.now();
    const told = await fetch('/api/time', { cache: 'no-store' }).then((answer) => answer.json());
    const bound = (performance.now() - sent) / 2;
    if (bound < best.bound) best = { bound, at: told.t2 + bound, heard: Date.now() };
  }
  hearTime(best.at + Date.now() - best.heard);
  return { offsetMs: best.heard - best.at, boundMs: best.bound };
}
