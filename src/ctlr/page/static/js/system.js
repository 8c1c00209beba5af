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
