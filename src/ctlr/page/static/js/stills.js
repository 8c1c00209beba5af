/**
 * Each camera's picture: the next is asked for when the last has come, once a second, every two
 * while it records, and not at all where nobody looks. A picture that is old is grey and says so.
 */
import { controllerNow } from 'ctlr/times.js';

const IDLE_MS = 1000;
const RECORDING_MS = 2000;
const NOTHING_MS = 4000;
const ABSENT_MS = 60000;
const OLD_MS = 6000;

export class Stills {
  constructor(list, { onAim }) {
    this.list = list;
    this.onAim = onAim;
    this.recording = false;
    this.known = new Map();
    this.visible = new Set();
    this.watcher = new IntersectionObserver((seen) => {
      for (const each of seen) {
        if (each.isIntersecting) this.visible.add(each.target);
        else this.visible.delete(each.target);
      }
    });
    setInterval(() => this.look(), 250);
  }

  look() {
    if (document.hidden) return;
    for (const image of this.list.querySelectorAll('img[data-still]')) {
      if (!this.known.has(image)) {
        this.known.set(image, { due: 0, busy: false, at: 0 });
        this.watcher.observe(image.parentElement);
      }
      const state = this.known.get(image);
      this.age(image, state);
      if (!state.busy && Date.now() >= state.due && this.visible.has(image.parentElement)) this.next(image, state);
    }
    for (const image of this.known.keys()) if (!image.isConnected) this.known.delete(image);
  }

  async next(image, state) {
    state.busy = true;
    let waitMs = this.recording ? RECORDING_MS : IDLE_MS;
    try {
      const still = await fetchStill(image.dataset.still);
      if (still.blob) {
        show(image, still.blob);
        state.at = still.at;
        this.offerAim(image);
      } else {
        waitMs = still.absent ? ABSENT_MS : NOTHING_MS;
        image.parentElement.dataset.reason = still.reason || 'No picture yet';
      }
    } catch {
      waitMs = NOTHING_MS;
    }
    state.busy = false;
    state.due = Date.now() + waitMs;
  }

  age(image, state) {
    const box = image.parentElement;
    const label = box.querySelector('.age');
    const passed = state.at ? controllerNow() - state.at : 0;
    const text = state.at ? (passed < OLD_MS ? 'now' : `${Math.round(passed / 1000)} s old`) : '';
    if (label.textContent !== text) label.textContent = text;
    box.toggleAttribute('data-old', passed >= OLD_MS);
  }

  offerAim(image) {
    const box = image.parentElement;
    let button = box.querySelector('.aim-go');
    if (!button) {
      button = document.createElement('button');
      button.type = 'button';
      button.className = 'aim-go';
      button.textContent = 'Aim';
      const name = image.closest('[data-item]').dataset.item;
      button.setAttribute('aria-label', `Aim ${name}`);
      button.addEventListener('click', () => this.onAim(name, image.dataset.still));
      box.append(button);
    }
    button.hidden = this.recording;
  }

  setRecording(recording) {
    this.recording = recording;
    for (const button of this.list.querySelectorAll('.aim-go')) button.hidden = recording;
  }
}

/** {blob, at} of the newest picture; {absent} where this controller has none to give; {reason} why
 *  there is none now. */
export async function fetchStill(address) {
  const answer = await fetch(address, { signal: AbortSignal.timeout(8000), cache: 'no-cache' });
  if (answer.status === 404) return { absent: true };
  if (answer.status !== 200) return { reason: answer.headers.get('x-reason') ?? '' };
  const taken = Number(answer.headers.get('x-captured-at-ms'));
  return { blob: await answer.blob(), at: taken || controllerNow() };
}

export function show(image, blob) {
  const before = image.src;
  image.src = URL.createObjectURL(blob);
  image.hidden = false;
  if (before.startsWith('blob:')) setTimeout(() => URL.revokeObjectURL(before), 1000);
}
