/** One take: what people say of it, and its files. */
import { beginScreen, say } from 'ctlr/screen.js';
import { call } from 'ctlr/api.js';
import { Fresh } from 'ctlr/fresh.js';

const unsaved = () => [...document.querySelectorAll('#remarks input, #remarks textarea')]
  .some((field) => field.value !== field.defaultValue || field === document.activeElement);
const fresh = new Fresh('#detail', () => !unsaved());
beginScreen({ onView: (view) => fresh.see(view.sessions) });

const remark = async (said, answer) => {
  const { uuid } = document.getElementById('detail').dataset;
  try {
    await call('PATCH', `/api/sessions/${uuid}`, said);
    say(answer);
    return true;
  } catch (error) {
    say(error.message);
    return false;
  }
};

document.addEventListener('submit', async (event) => {
  if (event.target.id !== 'remarks') return;
  event.preventDefault();
  const [label, notes] = ['label', 'notes'].map((id) => document.getElementById(id));
  const kept = await remark({ label: label.value || null, notes: notes.value || null }, 'Label and notes are kept.');
  if (kept) for (const field of [label, notes]) field.defaultValue = field.value;
});

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('[data-verdict]');
  if (!button) return;
  const verdict = button.getAttribute('aria-pressed') === 'true' ? null : button.dataset.verdict;
  if (!await remark({ verdict }, verdict ? `Kept: ${verdict} take.` : 'The verdict is taken back.')) return;
  for (const each of document.querySelectorAll('[data-verdict]')) {
    each.setAttribute('aria-pressed', String(each.dataset.verdict === verdict));
  }
});
