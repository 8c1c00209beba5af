/**
 * Sound and shaking, only for what needs hands within half a minute, and only once armed: a browser
 * lets no page make a noise before it was touched.
 */
let context;
let armed = false;
let told = new Set();

export const isArmed = () => armed;

export function arm() {
  context = context ?? new (window.AudioContext ?? window.webkitAudioContext)();
  context.resume();
  armed = true;
  beep(660, 0, 0.12);
}

export function disarm() {
  armed = false;
}

/** keys: what needs hands now. What is new is heard three times, and again while it lasts. */
export function heed(keys) {
  const fresh = keys.filter((key) => !told.has(key));
  told = new Set(keys);
  if (armed && fresh.length) ring();
}

export function ring() {
  for (const at of [0, 0.3, 0.6]) {
    beep(980, at, 0.18);
    beep(740, at + 0.14, 0.12);
  }
  navigator.vibrate?.([400, 150, 400, 150, 400]);
}

export function chime() {
  if (!armed) return;
  beep(520, 0, 0.2);
  beep(780, 0.22, 0.4);
  navigator.vibrate?.(250);
}

function beep(hertz, inS, lastsS) {
  if (!context) return;
  const tone = context.createOscillator();
  const loud = context.createGain();
  const begin = context.currentTime + inS;
  tone.frequency.value = hertz;
  loud.gain.setValueAtTime(0.0001, begin);
  loud.gain.exponentialRampToValueAtTime(0.5, begin + 0.02);
  loud.gain.exponentialRampToValueAtTime(0.0001, begin + lastsS);
  tone.connect(loud).connect(context.destination);
  tone.start(begin);
  tone.stop(begin + lastsS + 0.05);
}
