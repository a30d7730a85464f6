import { button, element, find, spoken } from './dom.js';
import { money, whole, zoneAt, zonedInstant } from './format.js';
import { itemTable, orderFacts, statusAndTotal, tagLine } from './order-card.js';
import { explain } from './problem.js';
import { mayAskByItself, service } from './search-client.js';

/** @import { HistoryEvent, Order } from './client/index.ts' */

const REFRESH_MS = 3_000;
/** An event that sets more than this is told by their number. */
const MOST_CHANGES = 6;

/**
 * One order beside the list: its items, what happened to it, and how it was at any time. Which order, and as of when, is in the address.
 * @param {{ isAsking: () => boolean, askToken: (why: string) => void }} session while it asks for a token the form must be reached:
 *   nothing lies over it, and nothing is asked
 */
export function createOrderDrawer(session) {
  const dialog = find('#drawer', HTMLDialogElement);
  const body = find('#drawer-body', HTMLElement);
  const at = find('#drawer-at', HTMLInputElement);
  /** @type {{ orderId: string, at: string, abort: AbortController, isAsked: boolean, isShown: boolean } | undefined} */
  let open;
  let shown = '';
  const trouble = element('p', { className: 'soft', hidden: true });
  trouble.setAttribute('role', 'alert');
  body.before(trouble);

  async function ask() {
    const mine = open;
    // One at a time, so that an older answer never replaces a newer one.
    if (!mine || mine.isAsked || session.isAsking()) return;
    mine.isAsked = true;
    const { orderId, at: instantAsked } = mine;
    const { signal } = mine.abort;
    try {
      const [answer, history] = await Promise.all([
        service.order(orderId, { ...(instantAsked !== '' && { at: instantAsked }), signal }),
        service.history(orderId, { signal }),
      ]);
      if (mine === open) show(orderId, answer?.order, history?.events ?? []);
    } catch (error) {
      if (mine === open) fail(error);
    } finally {
      mine.isAsked = false;
    }
  }

  /** @param {unknown} error */
  function fail(error) {
    const { status, text } = explain(error);
    if (status === 401) return session.askToken(text);
    // What is there is still that of the question before, which may have been another order.
    if (!open?.isShown) empty();
    sayTrouble(text);
  }

  /** Read out whenever it changes: the same trouble every few seconds is not news. @param {string} text empty: there is none */
  function sayTrouble(text) {
    trouble.hidden = text === '';
    if (trouble.textContent !== text) trouble.textContent = text;
  }

  /** @param {(Node | string)[]} content */
  function empty(...content) {
    shown = '';
    body.replaceChildren(...content);
  }

  /** @param {string} orderId @param {Order | undefined} order @param {HistoryEvent[]} events */
  function show(orderId, order, events) {
    const key = JSON.stringify([order, events.length, open?.at]);
    if (open) open.isShown = true;
    const isThere = order !== undefined || events.length > 0;
    sayTrouble(isThere ? '' : 'There is no such order that you may see.');
    if (!isThere) return empty();
    if (key === shown) return;
    const focused = document.activeElement;
    const place = focused instanceof HTMLElement && body.contains(focused) ? focused.dataset['sequence'] : undefined;
    shown = key;
    const before = element('p', { className: 'soft' }, ['It was not placed yet.']);
    // Before it was placed it has none yet, and its amounts are told all the same.
    const currency = order?.currency ?? events.map(({ changes }) => changes['currency']?.after).find(isText);
    const timeline = element(
      'ol',
      { className: 'timeline' },
      timesAsLeft(events).map(([event, at]) =>
        timelineItem(event, order, currency, at === undefined ? undefined : { at, show: () => follow(orderId, at) }),
      ),
    );
    body.replaceChildren(
      ...(order ? [summaryOf(order), itemTable(order), orderFacts(order)] : [before]),
      element('h3', {}, ['What happened']),
      timeline,
    );
    if (place !== undefined) {
      const next = [...body.querySelectorAll('button')].find(({ dataset }) => dataset['sequence'] === place);
      next?.focus();
    }
  }

  /**
   * Shows it, and keeps in the address what is shown.
   * @param {string} orderId
   * @param {string} instantAsked empty: as it is
   * @param {'push' | 'replace'} [way]
   */
  function follow(orderId, instantAsked, way = 'push') {
    const address = new URLSearchParams(location.search);
    address.set('order', orderId);
    if (instantAsked === '') address.delete('at');
    else address.set('at', instantAsked);
    if (way === 'replace') history.replaceState(null, '', `?${address}`);
    else if (`?${address}` !== location.search) history.pushState(null, '', `?${address}`);
    drawer.readAddress();
  }

  const drawer = {
    /** @param {string} orderId */
    open: (orderId) => follow(orderId, ''),
    /** Shows what the address says, which may be nothing. */
    readAddress() {
      const address = new URLSearchParams(location.search);
      const orderId = address.get('order') ?? '';
      const instantAsked = address.get('at') ?? '';
      if (open?.orderId === orderId && open.at === instantAsked) return;
      if (orderId === '' || session.isAsking()) return drawer.putAway();
      open?.abort.abort();
      open = { orderId, at: instantAsked, abort: new AbortController(), isAsked: false, isShown: false };
      find('#drawer-title', HTMLElement).textContent = orderId;
      at.value = localInstant(instantAsked);
      if (!dialog.open) {
        sayTrouble('');
        empty(element('p', { className: 'soft' }, ['…']));
        dialog.showModal();
      }
      void ask();
    },
    /** Closes it, and leaves the address as it is: `readAddress` shows it again. */
    putAway() {
      open?.abort.abort();
      open = undefined;
      dialog.close();
    },
  };

  dialog.addEventListener('close', () => {
    // An order that has changed meanwhile has another node than the one that had the focus.
    const focused = document.activeElement;
    const isLost = focused === document.body || dialog.contains(focused);
    if (isLost) linkTo(find('#drawer-title', HTMLElement).textContent ?? '')?.focus();
    if (!open) return;
    open.abort.abort();
    open = undefined;
    leaveAddress();
  });
  // A click beside it: pressed and let go there, for a text may be marked to beyond its edge.
  let isPressedBeside = false;
  dialog.addEventListener('pointerdown', (event) => (isPressedBeside = isBeside(dialog, event)));
  dialog.addEventListener('click', (event) => isPressedBeside && isBeside(dialog, event) && dialog.close());
  find('#drawer-close', HTMLButtonElement).addEventListener('click', () => dialog.close());
  find('#drawer-now', HTMLButtonElement).addEventListener('click', () => open && follow(open.orderId, ''));
  find('#drawer-zone', HTMLElement).textContent = `(${zoneAt(new Date())})`;
  at.addEventListener('change', () => {
    // What is not yet a time, as while its year is typed, is none.
    if (!open || !at.validity.valid) return;
    follow(open.orderId, at.value && new Date(at.value).toISOString(), 'replace');
  });
  setInterval(() => document.visibilityState === 'visible' && mayAskByItself() && void ask(), REFRESH_MS);
  return drawer;
}

/**
 * Closing adds no entry. It does not go back either: an entry with a fragment, as the skip link makes one, would take the focus.
 */
function leaveAddress() {
  const address = new URLSearchParams(location.search);
  address.delete('order');
  address.delete('at');
  history.replaceState(null, '', address.size > 0 ? `?${address}` : location.pathname);
}

/** @param {unknown} value @returns {value is string} */
const isText = (value) => typeof value === 'string';

/** In the list. @param {string} orderId @returns {HTMLElement | null} */
function linkTo(orderId) {
  return document.querySelector(`[data-id="${CSS.escape(orderId)}"] a.open`);
}

/** On its backdrop, not in its own padding. @param {HTMLDialogElement} dialog @param {MouseEvent} event */
function isBeside(dialog, { target, clientX, clientY }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return target === dialog && (clientX < left || clientX > right || clientY < top || clientY > bottom);
}

/** As a datetime-local field has it: this computer's time. @param {string} iso */
function localInstant(iso) {
  if (iso === '' || Number.isNaN(Date.parse(iso))) return '';
  const date = new Date(iso);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, 'YYYY-MM-DDTHH:mm:ss'.length);
}

/** @param {Order} order */
function summaryOf(order) {
  const customer = element('p', { className: 'customer' }, [
    element('span', { className: 'name' }, [order.customerName]),
    element('span', { className: 'id' }, [order.customerId]),
    element('span', { className: 'id' }, [`version ${whole(order.version)}`]),
  ]);
  return element('div', { className: 'summed' }, [
    element('p', { className: 'head' }, [statusAndTotal(order)]),
    customer,
    ...tagLine(order.tags, []),
  ]);
}

/**
 * @param {HistoryEvent} event
 * @param {Order | undefined} order as it is shown: what happened after it is dimmed
 * @param {string | undefined} currency
 * @param {{ at: string, show: () => void } | undefined} asLeft shows the order as this event left it
 */
function timelineItem({ sequence, type, time, changes, data }, order, currency, asLeft) {
  const name = type
    .replace(/^order\./, '')
    .replace(/\.v\d+$/, '')
    .replaceAll('_', ' ');
  const moment = element('time', {}, [zonedInstant(time)]);
  moment.dateTime = time;
  /** @type {HTMLElement[]} */
  const head = [element('strong', {}, [name]), moment];
  if (asLeft) {
    const look = button(['As of then', spoken(`: ${name}, ${zonedInstant(asLeft.at)}`)], asLeft.show);
    look.dataset['sequence'] = String(sequence);
    head.push(look);
  }
  const said = Object.entries(Object(data)).filter(([name, value]) => !(name in changes) && isPlain(value));
  const texts = [
    changesText(changes, currency),
    said.map(([name, value]) => saidText(name, value, currency)).join(' · '),
  ];
  return element('li', { className: order && sequence <= order.version ? '' : 'later' }, [
    element('div', { className: 'head' }, head),
    ...texts.filter((text) => text !== '').map((text) => element('p', { className: 'soft' }, [text])),
  ]);
}

/**
 * Each event with the time as of which the order is seen as the event left it; there is none where the next event is no later than one up
 * to here.
 * @param {HistoryEvent[]} events
 * @returns {[event: HistoryEvent, at: string | undefined][]}
 */
function timesAsLeft(events) {
  let latest = '';
  return events.map((event, at) => {
    if (latest === '' || isLater(event.time, latest)) latest = event.time;
    const next = events[at + 1];
    return [event, next && !isLater(next.time, latest) ? undefined : latest];
  });
}

/** @param {string} one @param {string} other */
function isLater(one, other) {
  return Date.parse(one) > Date.parse(other);
}

/** A field's name for people: `paidCents` is “paid”, `paidAt` “paid at”. @param {string} name */
function wordsOf(name) {
  return name.replace(/Cents$/, '').replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** @param {HistoryEvent['changes']} changes @param {string | undefined} currency */
function changesText(changes, currency) {
  const all = Object.entries(changes);
  if (all.length === 0) return 'Nothing changed by it.';
  if (all.length > MOST_CHANGES) return `${whole(all.length)} fields were set.`;
  return all
    .map(([name, { before, after }]) => {
      return `${saidText(name, before, currency)} → ${valueText(name, after, currency)}`;
    })
    .join(' · ');
}

/** Neither empty nor a list or an object, which the order itself shows. @param {unknown} value */
function isPlain(value) {
  return value !== '' && ['string', 'number', 'boolean'].includes(typeof value);
}

/** @param {string} name @param {unknown} value @param {string | undefined} currency */
function saidText(name, value, currency) {
  return `${wordsOf(name)}: ${valueText(name, value, currency)}`;
}

/** @param {string} name @param {unknown} value @param {string | undefined} currency */
function valueText(name, value, currency) {
  if (value === null || value === undefined) return '–';
  if (name.endsWith('Cents') && currency !== undefined) return money(Number(value), currency);
  if (name.endsWith('At')) return zonedInstant(String(value));
  return typeof value === 'string' ? value : JSON.stringify(value);
}
