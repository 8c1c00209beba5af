/** What every screen does: the line, the looks, what is said, and buttons that call the API. */
import { bind } from 'ctlr/bind.js';
import { Line } from 'ctlr/events.js';
import { call } from 'ctlr/api.js';
import { hearTime, keepZone, paintDates, paintTimes, stopwatch, timeOf } from 'ctlr/times.js';

const says = document.getElementById('says');
const line = document.getElementById('line');
const lineText = document.getElementById('line-text');
const icon = document.getElementById('icon');
const calmTitle = document.title;
let hiding;

/** One sentence over the screen, for a while. */
export function say(text, forMs = 7000) {
  clearTimeout(hiding);
  says.textContent = text;
  says.hidden = false;
  hiding = setTimeout(() => { says.hidden = true; }, forMs);
}

/** What this screen is called when others read who did something. */
export function whoAmI() {
  const kept = localStorage.getItem('who');
  if (kept) return kept;
  const agent = navigator.userAgent;
  const kind = /iPhone/.test(agent) ? 'An iPhone' : /iPad/.test(agent) ? 'An iPad'
    : /Android/.test(agent) ? 'An Android phone' : 'A laptop';
  const made = `${kind} (${Math.random().toString(36).slice(2, 5)})`;
  localStorage.setItem('who', made);
  return made;
}

/** Begin. onView(view) is called with each view after it was put into the page; extra(view) may add
 *  to it what only this screen knows. */
export function beginScreen({ onView = () => {}, extra = (view) => view, keepHidden = () => false } = {}) {
  const { dataset } = document.body;
  hearTime(Number(dataset.now));
  const seen = keepZone() ? dataset.seen : '';
  paintDates();
  paintTimes();
  let started = null;
  const show = (view) => {
    started = view.head.started_ms;
    const whole = extra(view);
    bind(document.documentElement, whole);
    paintTimes();
    tally(view.head, started);
    onView(view);
  };
  setInterval(() => {
    paintTimes();
    if (started) document.title = `● ${stopwatch(started)}`;
  }, 250);
  new Line('/page/events', seen, {
    onView: show,
    onLive() {
      document.body.classList.remove('lost');
      line.dataset.state = 'live';
      lineText.textContent = 'live';
    },
    onLost(sinceMs) {
      document.body.classList.add('lost');
      line.dataset.state = 'lost';
      lineText.textContent = `lost since ${timeOf(sinceMs)}`;
    },
    keepHidden,
  });
  listenForLooks();
  listenForCalls();
}

function tally(head, started) {
  const href = started ? icon.dataset.recording : icon.dataset.calm;
  if (icon.getAttribute('href') !== href) icon.setAttribute('href', href);
  document.title = started ? `● ${stopwatch(started)}` : calmTitle.replace(/^● /, '');
}

function listenForLooks() {
  for (const button of document.querySelectorAll('[data-look]')) {
    button.addEventListener('click', () => {
      document.documentElement.dataset.theme = button.dataset.look;
      document.cookie = `theme=${button.dataset.look}; path=/; max-age=31536000; SameSite=Lax`;
      for (const each of document.querySelectorAll('[data-look]')) {
        each.setAttribute('aria-pressed', String(each === button));
      }
    });
  }
}

/** A button with data-call does that; data-sure is asked before, data-reload paints anew after it. */
function listenForCalls() {
  document.addEventListener('click', async (event) => {
    const button = event.target.closest?.('button[data-call]');
    if (!button?.dataset.call || button.disabled) return;
    if (button.dataset.sure && !confirm(button.dataset.sure)) return;
    await press(button);
  });
}

async function press(button) {
  const [method, path] = button.dataset.call.split(' ');
  button.disabled = true;
  button.dataset.busy = 'yes';
  try {
    const body = button.dataset.body ? JSON.parse(button.dataset.body) : undefined;
    // An eject waits for what goes on; the status shows how far it is.
    const told = await call(method, path, body, 120000);
    say(sentenceOf(told), 9000);
    if (button.dataset.reload) location.reload();
  } catch (error) {
    say(error.message, 12000);
  } finally {
    button.disabled = false;
    delete button.dataset.busy;
  }
}

function sentenceOf(told) {
  if (told.message) return `${told.message.replace(/\.$/, '')}.`;
  const problem = Object.entries(told.mounts ?? {}).find(([, mount]) => !mount.success);
  if (problem) return `${problem[0]}: ${problem[1].error}.`;
  return told.success === false ? 'That did not work.' : 'Done.';
}
