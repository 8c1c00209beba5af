/** The rig's log, the newest first, every two seconds what came since. */
import { call } from 'ctlr/api.js';
import { timeOf } from 'ctlr/times.js';

const EVERY_MS = 2000;
const MOST = 400;

export class Logs {
  constructor() {
    this.list = document.getElementById('log');
    this.problem = document.getElementById('log-problem');
    this.level = document.getElementById('log-level');
    this.node = document.getElementById('log-node');
    this.text = document.getElementById('log-text');
    document.getElementById('log-filter').addEventListener('submit', (event) => event.preventDefault());
    this.level.addEventListener('change', () => this.restart());
    this.node.addEventListener('change', () => this.restart());
    this.text.addEventListener('input', () => this.filter());
    this.restart();
    setInterval(() => {
      if (!document.hidden) this.read();
    }, EVERY_MS);
  }

  restart() {
    this.newest = undefined;
    this.list.replaceChildren();
    this.read();
  }

  async read() {
    if (this.busy) return;
    this.busy = true;
    const query = new URLSearchParams({ level: this.level.value, node: this.node.value });
    if (this.newest) query.set('after', this.newest);
    const asked = query.toString();
    try {
      const told = await call('GET', `/page/logs?${query}`);
      this.problem.textContent = told.problem;
      this.problem.hidden = !told.problem;
      if (!this.newest || asked.includes('after')) this.add(told.rows);
      this.newest = told.newest || this.newest;
    } catch (error) {
      this.problem.hidden = false;
      this.problem.textContent = error.message;
    }
    this.busy = false;
  }

  add(rows) {
    this.list.prepend(...rows.map(item));
    while (this.list.children.length > MOST) this.list.lastElementChild.remove();
    this.filter();
  }

  filter() {
    const wanted = this.text.value.trim().toLowerCase();
    for (const each of this.list.children) each.hidden = !each.textContent.toLowerCase().includes(wanted);
  }
}

function item(row) {
  const line = document.createElement('li');
  line.dataset.level = row.level;
  const of = document.createElement('p');
  of.className = 'of';
  of.textContent = `${timeOf(row.at_ms)} ${row.word} ${row.node} ${row.component}`;
  const text = document.createElement('p');
  text.textContent = row.text;
  const more = document.createElement('p');
  more.className = 'of';
  more.textContent = row.more;
  line.append(of, text, more);
  return line;
}
