/** The rig itself. */
import { beginScreen, say, whoAmI } from 'ctlr/screen.js';
import { call } from 'ctlr/api.js';
import { Logs } from 'ctlr/logs.js';
import { drawCharts } from 'ctlr/charts.js';

beginScreen();
new Logs();
drawCharts();

const who = document.getElementById('who');
who.value = whoAmI();
document.getElementById('name-form').addEventListener('submit', (event) => {
  event.preventDefault();
  localStorage.setItem('who', who.value.trim() || 'A screen');
  say('Others read this name when you start or stop.');
});
document.getElementById('adopt').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    await call('POST', '/api/nodes', { address: document.getElementById('adopt-address').value.trim() });
    location.reload();
  } catch (error) {
    say(error.message, 15000);
  }
});
document.getElementById('wifi').addEventListener('submit', async (event) => {
  event.preventDefault();
  const [name, password] = ['wifi-name', 'wifi-password'].map((id) => document.getElementById(id).value);
  const answer = await fetch('/page/wifi', { method: 'POST', body: JSON.stringify({ name, password }) });
  if (!answer.ok) {
    say('That is no name and password of a Wi-Fi.');
    return;
  }
  const image = document.createElement('img');
  image.src = URL.createObjectURL(await answer.blob());
  image.alt = `QR code of the Wi-Fi ${name}`;
  image.className = 'code';
  image.width = 240;
  document.getElementById('wifi-code').replaceChildren(image);
});
