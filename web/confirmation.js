import { find } from './dom.js';

/** Takes back what is asked, which is answered with no, and what it says. */
export function withdrawConfirmation() {
  find('#confirmation', HTMLDialogElement).close('no');
  for (const said of ['-title', '-text', '-field span']) find(`#confirmation${said}`, HTMLElement).textContent = '';
}

/**
 * Asks before something is done that cannot be undone, or that everyone notices.
 * @param {{ title: string, text: string, action: string, typed?: string }} question `typed`: what has to be typed to go on
 * @returns {Promise<boolean>}
 */
export function confirmed({ title, text, action, typed }) {
  const dialog = find('#confirmation', HTMLDialogElement);
  const input = find('#confirmation input', HTMLInputElement);
  const yes = find('#confirmation .strong', HTMLButtonElement);
  find('#confirmation-title', HTMLElement).textContent = title;
  find('#confirmation-text', HTMLElement).textContent = text;
  find('#confirmation-field', HTMLElement).hidden = typed === undefined;
  find('#confirmation-field span', HTMLElement).textContent = `Type ${typed} to go on`;
  yes.textContent = action;
  input.value = '';
  const fit = () => (yes.disabled = typed !== undefined && input.value.trim() !== typed);
  input.oninput = fit;
  fit();
  find('#confirmation-no', HTMLButtonElement).onclick = () => dialog.close('no');
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
