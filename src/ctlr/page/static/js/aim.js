/** One camera large, several pictures a second, before the recording. */
import { fetchStill, show } from 'ctlr/stills.js';

const EACH_MS = 120;

export async function aim(name, address) {
  const dialog = document.getElementById('aim');
  const image = document.getElementById('aim-still');
  const text = document.getElementById('aim-text');
  document.getElementById('aim-name').textContent = name;
  document.getElementById('aim-end').onclick = () => dialog.close();
  dialog.showModal();
  let shown = 0;
  const began = Date.now();
  while (dialog.open && !document.hidden) {
    const asked = Date.now();
    try {
      const still = await fetchStill(`${address}?aim=true`);
      if (still.blob) {
        show(image, still.blob);
        shown += 1;
      }
      const rate = (shown * 1000) / (Date.now() - began);
      text.textContent = shown ? `${rate.toFixed(1)} pictures a second` : 'No picture yet';
    } catch {
      text.textContent = 'The camera does not answer.';
    }
    await new Promise((done) => setTimeout(done, Math.max(20, EACH_MS - (Date.now() - asked))));
  }
  if (dialog.open) dialog.close();
}
