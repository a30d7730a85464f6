import { operate } from './search-client.js';

/** @typedef {import('./rebuilds.js').Command} Command */

/**
 * The form that starts a rebuild: all that `POST /admin/rebuilds` takes, of which only what goes with the rest of it is shown and sent.
 * @param {HTMLFormElement} form
 * @param {Command} command
 * @param {() => Promise<void>} started
 */
export function startForm(form, command, started) {
  void offerProjections(form).then(() => fit(form));
  form.addEventListener('change', () => fit(form));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (form.dataset['running'] === 'true') return;
    void command('The rebuild has started.', async () => {
      const rebuild = await operate('POST', 'admin/rebuilds', { body: requestOf(form) });
      await started();
      return rebuild;
    });
  });
  fit(form);
}

/** Aggregates of one's own can be rebuilt too. Where they cannot be had, those that there always are can. @param {HTMLFormElement} form */
async function offerProjections(form) {
  const response = await fetch('page-settings.json').catch(() => undefined);
  if (!response?.ok) return;
  const { projections } = /** @type {{ projections: string[] }} */ (await response.json());
  const select = /** @type {HTMLSelectElement} */ (form.elements.namedItem('projection'));
  const offered = new Set([...select.options].map(({ value }) => value));
  select.append(...projections.filter((name) => !offered.has(name)).map((name) => new Option(name, name)));
}

/** What does not go with what is chosen is out of sight, and no part of the form's data. @param {HTMLFormElement} form */
function fit(form) {
  const { projection, source } = Object.fromEntries(new FormData(form));
  const ofOrders = projection === 'orders';
  const isChecked = /** @type {HTMLInputElement} */ (form.elements.namedItem('activate')).checked;
  const goes = { 'of-file': source === 'file', 'of-history': source === 'history', 'of-activate': isChecked };
  for (const label of form.querySelectorAll('.of-orders')) {
    const isShown = ofOrders && Object.entries(goes).every(([name, does]) => does || !label.classList.contains(name));
    label.toggleAttribute('hidden', !isShown);
    // The source stays, or its choice would be lost for what depends on it.
    const field = label.querySelector('input');
    if (field) field.disabled = !isShown;
  }
}

/** @param {HTMLFormElement} form */
function requestOf(form) {
  const { projection, source, path, from, keep, activate, allowPartial } = Object.fromEntries(new FormData(form));
  if (projection !== 'orders') return { projection };
  return {
    ...{ projection, source, keep: Number(keep), activate: activate === 'on', allowPartial: allowPartial === 'on' },
    ...(path !== undefined && { path }),
    ...(from && { from: new Date(String(from)).toISOString() }),
  };
}

/** @param {HTMLFormElement} form @param {boolean} running */
export function setRunning(form, running) {
  form.dataset['running'] = String(running);
  const start = form.querySelector('button');
  if (start) start.ariaDisabled = running ? 'true' : null;
}
