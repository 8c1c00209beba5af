/** A part of the page that the controller paints again when its stamp has changed. */
import { paintDates } from 'ctlr/times.js';

export class Fresh {
  constructor(selector, mayReplace = () => true) {
    this.selector = selector;
    this.mayReplace = mayReplace;
    this.stamp = undefined;
  }

  async see(stamp) {
    const first = this.stamp === undefined;
    if (stamp === this.stamp) return;
    this.stamp = stamp;
    if (!first) await this.paint();
  }

  async paint() {
    const html = await fetch(location.href).then((answer) => answer.text()).catch(() => '');
    const found = new DOMParser().parseFromString(html, 'text/html').querySelector(this.selector);
    const here = document.querySelector(this.selector);
    if (!found || !here || !this.mayReplace(here)) return;
    const path = document.activeElement?.getAttribute?.('href');
    here.replaceWith(found);
    paintDates(found);
    if (path) found.querySelector(`a[href="${CSS.escape(path)}"]`)?.focus();
  }
}
