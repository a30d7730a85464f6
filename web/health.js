import { element, find } from './dom.js';
import { ageText } from './format.js';

/**
 * @typedef {{ state: 'up' | 'degraded' | 'down' | 'off', reason?: string, details?: Record<string, unknown> }} Part
 * @typedef {{ status: string, parts: Record<string, Part> }} Health
 */

/** In words too, not by colour alone. @type {Readonly<Record<string, string>>} */
const SIGNS = { up: '✓', degraded: '!', down: '✕', off: '–' };

/** Each part of the service with its state, and why. 503 is an answer too: it says what is down. @returns {Promise<void>} */
export async function showHealth() {
  const list = find('#health', HTMLElement);
  const response = await fetch('health').catch(() => undefined);
  if (!response) {
    list.replaceChildren(partItem('service', { state: 'down', reason: 'it does not answer' }));
    return;
  }
  const { parts = {} } = /** @type {Partial<Health>} */ (await response.json());
  const items = Object.entries(parts).map(([name, part]) => partItem(name, part));
  const opened = new Set(
    [...list.querySelectorAll('details[open]')].map((node) => node.closest('li')?.dataset['part']),
  );
  list.replaceChildren(...items);
  for (const item of items) {
    const details = item.querySelector('details');
    if (details && opened.has(item.dataset['part'])) details.open = true;
  }
}

/** @param {string} name @param {Part} part */
function partItem(name, { state, reason, details }) {
  const item = element('li', {}, [
    element('span', { className: `state ${state}` }, [`${SIGNS[state] ?? ''} ${state}`]),
    element('strong', {}, [name]),
    element('span', { className: 'why' }, [reason ?? '']),
  ]);
  item.dataset['part'] = name;
  if (details) {
    const shown = element('pre', { tabIndex: 0, ariaLabel: `Details of ${name}` }, [
      JSON.stringify(details, ageless, 2),
    ]);
    shown.role = 'region';
    item.append(element('details', {}, [element('summary', {}, [`Details of ${name}`]), shown]));
  }
  return item;
}

/** @param {string} key @param {unknown} value */
function ageless(key, value) {
  return key.endsWith('Seconds') && typeof value === 'number' ? ageText(value) : value;
}
