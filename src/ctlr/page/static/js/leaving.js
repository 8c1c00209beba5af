/** "You can leave now", and the card with the truth of the take. */
import { call } from 'ctlr/api.js';
import { say } from 'ctlr/screen.js';
import { chime } from 'ctlr/alarm.js';

export class Leaving {
  constructor() {
    this.section = document.getElementById('leaving');
    this.take = null;
    this.asked = '';
    this.could = undefined;
    this.dismissed = document.cookie.match(/(?:^|; )left=([\w-]+)/)?.[1];
    document.getElementById('next-take').addEventListener('click', () => this.dismiss());
    for (const button of this.section.querySelectorAll('[data-verdict]')) {
      button.addEventListener('click', () => this.judge(button));
    }
    document.getElementById('note').addEventListener('submit', (event) => this.note(event));
    const { uuid } = this.section.dataset;
    if (uuid && !this.section.hidden) this.read(uuid);
  }

  /** What the page is bound to beside the view. */
  with(view) {
    const left = view.leaving;
    this.uuid = left?.uuid;
    const take = this.take?.uuid === this.uuid ? this.take : null;
    return {
      leaving_shown: Boolean(left) && left.uuid !== this.dismissed,
      leaving_href: left ? `/sessions/${left.uuid}` : '/sessions',
      take,
    };
  }

  see(view) {
    const left = view.leaving;
    if (!left) {
      this.could = undefined;
      return;
    }
    if (this.could === false && left.can_leave) chime();
    if (this.could === undefined && view.idle && !this.section.hidden && this.wasBusy) scrollTo(0, 0);
    this.could = left.can_leave;
    const state = `${left.uuid} ${left.is_made} ${left.rest.slice(0, 20)}`;
    if (left.is_made && state !== this.asked) {
      this.asked = state;
      this.read(left.uuid);
    }
  }

  async read(uuid) {
    try {
      this.take = await call('GET', `/page/take/${uuid}`);
    } catch {
      return;
    }
    this.pressed(this.take.verdict_said);
    const { bind } = await import('ctlr/bind.js');
    bind(document.getElementById('take'), { take: this.take });
  }

  dismiss() {
    this.dismissed = this.section.dataset.uuid;
    document.cookie = `left=${this.dismissed}; path=/; max-age=86400; SameSite=Lax`;
    this.section.hidden = true;
    scrollTo(0, 0);
    document.getElementById('label').focus({ preventScroll: true });
  }

  pressed(verdict) {
    for (const button of this.section.querySelectorAll('[data-verdict]')) {
      button.setAttribute('aria-pressed', String(button.dataset.verdict === verdict));
    }
  }

  async judge(button) {
    const taken = button.getAttribute('aria-pressed') === 'true';
    const verdict = taken ? null : button.dataset.verdict;
    await this.remark({ verdict }, verdict ? `Kept: ${verdict} take.` : 'The verdict is taken back.');
    this.pressed(verdict);
  }

  async note(event) {
    event.preventDefault();
    await this.remark({ notes: document.getElementById('note-text').value }, 'The note is kept.');
  }

  async remark(said, answer) {
    try {
      await call('PATCH', `/api/sessions/${this.section.dataset.uuid}`, said);
      say(answer);
    } catch (error) {
      say(error.message);
    }
  }
}
