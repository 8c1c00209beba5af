/** Instants in the reader's own time zone, and a stopwatch on the controller's clock. */
const INSTANT = /\u27e6(\d+)\u27e7/g;
const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const seconds = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const date = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

let aheadMs = 0;

export const withTimes = (text) => text.replace(INSTANT, (_, ms) => clock.format(Number(ms)));
export const clockOf = (ms) => clock.format(ms);
export const timeOf = (ms) => seconds.format(ms);

/** The controller said what time it is. */
export function hearTime(controllerMs) {
  aheadMs = controllerMs - Date.now();
}

/** What the controller's clock says now. */
export const controllerNow = () => Date.now() + aheadMs;

export function stopwatch(fromMs) {
  const whole = Math.floor((controllerNow() - fromMs) / 1000);
  if (whole < 0) return `in ${-whole} s`;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = String(whole % 60).padStart(2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** Every stopwatch and every date of a part of the page. */
export function paintTimes(root = document) {
  for (const element of root.querySelectorAll('[data-since]')) {
    const from = Number(element.dataset.since);
    const text = from ? stopwatch(from) : '';
    if (element.textContent !== text) element.textContent = text;
  }
}

export function paintDates(root = document) {
  for (const element of root.querySelectorAll('time[data-at]')) {
    const format = element.dataset.as === 'seconds' ? seconds : date;
    const text = format.format(Number(element.dataset.at));
    if (element.textContent !== text) element.textContent = text;
  }
}

/** Tell the controller where we are, for the next page that it paints. Returns whether it knew. */
export function keepZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const knew = document.cookie.split('; ').includes(`tz=${zone}`);
  document.cookie = `tz=${zone}; path=/; max-age=31536000; SameSite=Lax`;
  return knew;
}
