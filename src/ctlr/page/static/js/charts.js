/** Clocks as a picture: a line for each over the last hour, its uncertainty as a band. */
import { call } from 'ctlr/api.js';
import { clockOf } from 'ctlr/times.js';

const EVERY_MS = 10000;

export async function drawCharts() {
  const section = document.getElementById('charts');
  const uPlot = await load(section.dataset.uplot);
  if (!uPlot) return;
  const charts = new Map();
  const draw = async () => {
    if (document.hidden) return;
    const told = await call('GET', '/page/clocks').catch(() => null);
    if (!told || told.at_ms.length < 2) {
      document.getElementById('charts-text').textContent = 'Nothing has been measured for long enough yet.';
      return;
    }
    document.getElementById('charts-text').textContent = 'Each camera’s clock against the controller’s, in milliseconds; the band is how well it is known.';
    const at = told.at_ms.map((ms) => ms / 1000);
    for (const [name, points] of Object.entries(told.clocks)) {
      const middle = points.map(([offset]) => offset);
      const low = points.map(([offset, bound]) => (offset === null ? null : offset - bound));
      const high = points.map(([offset, bound]) => (offset === null ? null : offset + bound));
      paint(charts, uPlot, `clock ${name}`, document.getElementById('clock-charts'), name, [at, low, high, middle], clockSeries(name), [{ series: [2, 1], fill: colour('--accent', 0.25) }]);
    }
    const machine = document.getElementById('machine-chart');
    paint(charts, uPlot, 'machine', machine, 'Controller', [at, told.cpu, told.temp], [
      {}, { label: 'processor %', stroke: colour('--accent'), width: 2 }, { label: '°C', stroke: colour('--bad'), width: 2, dash: [6, 4] }], []);
  };
  await draw();
  setInterval(draw, EVERY_MS);
  addEventListener('resize', () => {
    for (const { chart, box } of charts.values()) chart.setSize({ width: box.clientWidth, height: 160 });
  });
}

function clockSeries(name) {
  const edge = { stroke: colour('--accent', 0.5), width: 1, points: { show: false } };
  return [{}, { ...edge, label: 'at least' }, { ...edge, label: 'at most' }, { label: `${name} ms`, stroke: colour('--ink'), width: 2, points: { show: false } }];
}

function paint(charts, uPlot, key, place, title, data, series, bands) {
  const known = charts.get(key);
  if (known) {
    known.chart.setData(data);
    return;
  }
  const box = document.createElement('div');
  box.setAttribute('role', 'img');
  box.setAttribute('aria-label', `${title} over the last hour`);
  place.append(box);
  const axis = { stroke: colour('--soft'), values: (_, at) => at.map((each) => clockOf(each * 1000)), grid: { stroke: colour('--line') }, ticks: { stroke: colour('--line') } };
  const chart = new uPlot({ width: box.clientWidth, height: 160, title, series, bands, legend: { show: key === 'machine' }, axes: [axis, { ...axis, values: undefined, size: 56 }], cursor: { drag: { x: false, y: false } } }, data, box);
  charts.set(key, { chart, box });
}

function colour(name, alpha = 1) {
  const probe = document.createElement('i');
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g);
  probe.remove();
  return `rgba(${r}, ${g}, ${b}, ${alpha})`;
}

function load(address) {
  return new Promise((done) => {
    const script = document.createElement('script');
    script.src = address;
    script.onload = () => done(window.uPlot);
    script.onerror = () => done(null);
    document.head.append(script);
  });
}
