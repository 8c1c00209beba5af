/** What this browser can do, found by trying; as text to be sent on. */
import { beginScreen } from 'ctlr/screen.js';
import { measureClock } from 'ctlr/marks.js';

beginScreen();

const video = document.createElement('video');
const codec = (name) => video.canPlayType(`video/mp4; codecs="${name}"`) || 'no';
const there = (value) => (value ? 'yes' : 'no');
const TESTS = [
  ['Secure page (HTTPS)', () => there(isSecureContext), 'sensors, a screen that stays on and installing need it'],
  ['Live line (server-sent events)', () => there(window.EventSource), 'needed'],
  ['Sound', () => there(window.AudioContext ?? window.webkitAudioContext), 'for the alarm'],
  ['Vibration', () => there(navigator.vibrate), 'for the alarm'],
  ['Screen stays on (Wake Lock)', () => there(navigator.wakeLock), 'only over HTTPS'],
  ['Motion sensors', () => there(window.DeviceMotionEvent && 'ondevicemotion' in window), 'only over HTTPS'],
  ['Position', () => there(navigator.geolocation && isSecureContext), 'only over HTTPS'],
  ['Storage in the browser (IndexedDB)', () => there(window.indexedDB), ''],
  ['Frame-exact video', () => there(video.requestVideoFrameCallback), 'for playback'],
  ['H.264', () => codec('avc1.640028'), 'what most cameras record'],
  ['H.265', () => codec('hvc1.1.6.L120.90'), 'what some cameras record'],
  ['Unpacking (DecompressionStream)', () => there(window.DecompressionStream), ''],
  ['Import maps', () => there(HTMLScriptElement.supports?.('importmap')), 'needed'],
  ['Dark colours', () => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'), ''],
  ['Screen', () => `${innerWidth} × ${innerHeight}, ${devicePixelRatio} pixels each`, ''],
  ['Clock against the controller', async () => {
    const { offsetMs, boundMs } = await measureClock(8);
    return `${offsetMs.toFixed(1)} ± ${boundMs.toFixed(1)} ms`;
  }, ''],
];

const list = document.getElementById('tests');
const lines = [navigator.userAgent];
for (const [name, test, why] of TESTS) {
  let found;
  try {
    found = await test();
  } catch (error) {
    found = `failed: ${error.message}`;
  }
  lines.push(`${name}: ${found}`);
  const item = document.createElement('li');
  item.className = 'check';
  const lamp = document.createElement('span');
  lamp.className = 'lamp';
  lamp.setAttribute('aria-hidden', 'true');
  if (found === 'yes') lamp.dataset.ok = 'true';
  if (found === 'no') lamp.dataset.ok = 'false';
  const text = document.createElement('p');
  const bold = document.createElement('b');
  bold.textContent = name;
  text.append(bold, ` ${found}${why ? ` (${why})` : ''}`);
  item.append(lamp, text);
  list.append(item);
}
document.getElementById('tests-text').textContent = navigator.userAgent;
document.getElementById('report').value = lines.join('\n');
