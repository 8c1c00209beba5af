/**
 * The line to the controller: views as they come, and whether it is alive.
 *
 * A browser does not notice for minutes that a Wi-Fi has gone, and gives up for good on an error:
 * so a tick comes every two seconds, and after six without one the line counts as lost. It is
 * opened again after half a second, then more slowly, and at once when the screen is looked at
 * or the network is back.
 */
import { hearTime } from 'ctlr/times.js';

const SILENT_MS = 6000;
const FIRST_MS = 500;
const LONGEST_MS = 5000;

export class Line {
  /** handlers: onView(view), onLive(), onLost(sinceMs); keepHidden(): stay open when not looked at. */
  constructor(address, seen, handlers) {
    this.address = address;
    this.seen = seen;
    this.handlers = handlers;
    this.waitMs = FIRST_MS;
    this.heardAt = Date.now();
    this.lost = false;
    document.addEventListener('visibilitychange', () => this.looked());
    addEventListener('pageshow', () => this.looked());
    addEventListener('online', () => this.reopen());
    addEventListener('offline', () => this.lose());
    addEventListener('pagehide', () => this.close());
    setInterval(() => this.check(), 500);
    this.open();
  }

  open() {
    this.close();
    const source = new EventSource(`${this.address}?seen=${encodeURIComponent(this.seen)}`);
    this.source = source;
    source.addEventListener('view', (event) => {
      const view = JSON.parse(event.data);
      this.seen = view.id;
      this.hear();
      this.handlers.onView(view);
    });
    source.addEventListener('tick', (event) => {
      hearTime(Number(event.data));
      this.hear();
    });
    source.addEventListener('error', () => this.later());
  }

  close() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.source?.close();
    this.source = undefined;
  }

  reopen() {
    this.waitMs = FIRST_MS;
    this.open();
  }

  later() {
    this.close();
    this.timer = setTimeout(() => this.open(), this.waitMs);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_MS);
  }

  hear() {
    this.heardAt = Date.now();
    this.waitMs = FIRST_MS;
    if (this.lost || !this.live) {
      this.lost = false;
      this.live = true;
      this.handlers.onLive();
    }
  }

  lose() {
    if (this.lost) return;
    this.lost = true;
    this.handlers.onLost(this.heardAt);
  }

  check() {
    if (document.hidden && !this.handlers.keepHidden?.()) return;
    if (Date.now() - this.heardAt <= SILENT_MS) return;
    this.lose();
    if (!this.timer && Date.now() - (this.triedAt ?? 0) > LONGEST_MS) {
      this.triedAt = Date.now();
      this.open();
    }
  }

  /** A screen that nobody looks at needs no line, and a browser has only six. */
  looked() {
    if (document.hidden && !this.handlers.keepHidden?.()) this.close();
    else if (!this.source && !this.timer) this.reopen();
    else if (!document.hidden && Date.now() - this.heardAt > SILENT_MS) this.reopen();
  }
}
