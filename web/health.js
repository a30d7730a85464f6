import { element, find, spoken } from './dom.js';
import { ageText } from './format.js';
import { createKeptList } from './kept-list.js';
import { createNewest } from './newest.js';
import { ANSWER_MS } from './search-client.js';

/**
 * @typedef {{ state: 'up' | 'degraded' | 'down' | 'off', reason?: string, details?: Record<string, unknown> }} Part
 * @typedef {Part & { name: string }} NamedPart
 * @typedef {{ status: string, parts: Record<string, Part> }} Health
 */

/** In words too, not by colour alone. @type {Readonly<Record<string, string>>} */
const SIGNS = { up: '✓', degraded: '!', down: '✕', off: '–' };

/** Each part of the service with its state, and why. */
export function createHealth() {
  const list = createKeptList({
    frame: find('#health', HTMLElement),
    heading: find('#health-title', HTMLElement),
    idOf: (/** @type {NamedPart} */ { name }) => name,
    make: partItem,
    // What is opened and focused stays while nothing but the details change.
    keyOf: ({ state, reason, details }) => JSON.stringify([state, reason, details !== undefined]),
    update: (node, { details }) => {
      const shown = node.querySelector('pre');
      if (shown) shown.textContent = detailsText(details);
    },
  });
  const looks = createNewest();
  return {
    async update() {
      const parts = await looks.of(partsOfService());
      if (parts) list.show(parts);
    },
  };
}

/** 503 is an answer too: it says what is down. What stands before the service may answer with something else. @returns {Promise<NamedPart[]>} */
async function partsOfService() {
  const down = (/** @type {string} */ reason) => [{ name: 'service', state: /** @type {const} */ ('down'), reason }];
  const response = await fetch('health', { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => undefined);
  if (!response) return down('it does not answer');
  const health = /** @type {Partial<Health> | null | undefined} */ (await response.json().catch(() => undefined));
  if (!health?.parts) return down(`what answers (${response.status}) is not the service`);
  return Object.entries(health.parts).map(([name, part]) => ({ name, ...part }));
}

/** @param {NamedPart} part */
function partItem({ name, state, reason, details }) {
  const item = element('li', {}, [
    element('span', { className: `state ${state}` }, [`${SIGNS[state] ?? ''} ${state}`]),
    element('strong', {}, [name]),
    element('span', { className: 'why' }, [reason ?? '']),
  ]);
  if (details) {
    const shown = element('pre', { tabIndex: 0, ariaLabel: `Details of ${name}` }, [detailsText(details)]);
    shown.role = 'region';
    item.append(element('details', {}, [element('summary', {}, ['Details', spoken(` of ${name}`)]), shown]));
  }
  return item;
}

/** @param {Part['details']} details */
function detailsText(details) {
  return JSON.stringify(details, ageless, 2);
}

/** @param {string} key @param {unknown} value */
function ageless(key, value) {
  return key.endsWith('Seconds') && typeof value === 'number' ? ageText(value) : value;
}
