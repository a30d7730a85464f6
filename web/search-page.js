import { clear } from './combobox.js';
import { find } from './dom.js';
import { hideEmpty, showEmpty } from './empty-results.js';
import { showFacets } from './facets.js';
import { whole } from './format.js';
import { createFreshness } from './freshness.js';
import { createKeptList } from './kept-list.js';
import { orderCard } from './order-card.js';
import { createOrderDrawer } from './order-drawer.js';
import { explain, showProblem } from './problem.js';
import { toParameters, toSearchQuery } from './query.js';
import { mayAskByItself, service } from './search-client.js';
import { box, form, readAddress, readForm, writeAddress, writeForm } from './search-form.js';
import { createSession } from './session.js';
import { createSuggestions } from './suggestions.js';

/** @import { Hit, SearchAnswer } from './client/index.ts' */
/** @typedef {'search' | 'refresh' | 'more'} Purpose */
/** @typedef {{ purpose: Purpose, abort: AbortController }} Asking */

const PAGE_SIZE = 20;
/** The most that one request gives, so the most that a refresh can bring up to date. */
const MAX_SIZE = 100;
const TYPING_PAUSE_MS = 120;
const REFRESH_MS = 2_500;
/** Longer than most answers take: what takes longer is said. */
const SLOW_MS = 600;

const page = {
  count: find('#count', HTMLElement),
  announcement: find('#announcement', HTMLElement),
  problem: find('#problem', HTMLElement),
  results: find('#results', HTMLElement),
  more: find('#more', HTMLButtonElement),
};

const freshness = createFreshness(find('#freshness', HTMLElement));

/** What is shown, and what is being asked. */
const view = {
  query: readAddress(),
  /** @type {Hit[]} */
  hits: [],
  total: 0,
  /** Whether it is what was shown before, brought up to date. */
  isRefreshed: false,
  /** What would move the orders under the mouse, and waits until it has left them. @type {SearchAnswer | undefined} */
  held: undefined,
  isPointedAt: false,
  /** Whether what is typed next is a new question, to which the way back does not lead by letters. */
  isSettled: true,
  /** The question that these hits answer. */
  answered: '',
  /** @type {string | null} */
  nextCursor: null,
  /** The one request whose answer counts; all older ones are aborted. @type {Asking | undefined} */
  asking: undefined,
};

/**
 * Asks the service. A newer question aborts an older one, so an old answer never replaces a newer one.
 * @param {Purpose} purpose
 */
async function ask(purpose) {
  view.asking?.abort.abort();
  const asking = { purpose, abort: new AbortController() };
  view.asking = asking;
  if (purpose !== 'refresh') page.results.ariaBusy = 'true';
  freshness.asked();
  const slow = setTimeout(() => purpose === 'search' && view.asking === asking && sayWaiting(), SLOW_MS);
  try {
    const asked = { ...toSearchQuery(view.query), ...pageFor(purpose) };
    const answer = await service.search(asked, { signal: asking.abort.signal });
    if (view.asking === asking) show(purpose, answer);
  } catch (error) {
    if (view.asking === asking) fail(error);
  } finally {
    clearTimeout(slow);
    if (view.asking === asking) {
      view.asking = undefined;
      page.results.ariaBusy = 'false';
    }
  }
}

function sayWaiting() {
  page.count.textContent = page.announcement.textContent = 'Searching …';
}

/** @param {Purpose} purpose */
function pageFor(purpose) {
  if (purpose === 'more') return { size: PAGE_SIZE, cursor: view.nextCursor ?? undefined };
  if (purpose === 'search') return { size: PAGE_SIZE };
  return { size: Math.min(MAX_SIZE, Math.max(PAGE_SIZE, view.hits.length)) };
}

/**
 * @param {Purpose} purpose
 * @param {SearchAnswer} answer
 */
function show(purpose, answer) {
  const hadFailed = !page.problem.hidden;
  showProblem('');
  session.settled();
  view.total = answer.total;
  const beforeMore = purpose === 'more' ? view.hits.length : 0;
  // More is shown than a refresh can bring up to date: only the count is.
  const isCurrent = purpose !== 'refresh' || view.hits.length <= MAX_SIZE;
  // How old the list is that is shown: more of it does not make what was there before any newer.
  if (purpose === 'more') freshness.heard();
  else freshness.answered(answer.lagSeconds, isCurrent);
  // Once it is hidden it has it no longer.
  const hadFocus = document.activeElement === page.more;
  if (isCurrent) showHits(purpose, answer);
  if (purpose !== 'more') showFacets(form, answer.facets, purpose === 'search');
  sayCount();
  showEmpty(view.total, view.query);
  const isNews = purpose === 'search' || (purpose === 'refresh' && hadFailed);
  if (isNews) page.announcement.textContent = `${countText(view.total)} found`;
  if (purpose === 'more') announceMore(beforeMore, hadFocus);
  // It tells of changes only: what is still near the end is so anew, after a page that failed too.
  nearEnd.unobserve(page.more);
  nearEnd.observe(page.more);
}

/**
 * @param {Purpose} purpose
 * @param {SearchAnswer} answer
 */
function showHits(purpose, answer) {
  const { hits, nextCursor } = answer;
  const isHeld = purpose === 'refresh' && view.isPointedAt && idsOf(hits).join() !== idsOf(view.hits).join();
  view.held = isHeld ? answer : undefined;
  const shown = isHeld ? inPlace(hits) : purpose === 'more' ? [...view.hits, ...newOf(hits)] : hits;
  view.hits = shown;
  view.nextCursor = nextCursor;
  view.answered = toParameters(view.query).toString();
  view.isRefreshed = purpose === 'refresh';
  page.more.hidden = nextCursor === null;
  cards.show(shown);
}

const idsOf = (/** @type {Hit[]} */ hits) => hits.map(({ order }) => order.orderId);

/** Those that are not shown yet. @param {Hit[]} hits */
function newOf(hits) {
  const known = new Set(idsOf(view.hits));
  return hits.filter(({ order }) => !known.has(order.orderId));
}

/** What is shown, as it is now: a click must not meet another order than the one that was aimed at. @param {Hit[]} hits */
function inPlace(hits) {
  const newer = new Map(hits.map((hit) => [hit.order.orderId, hit]));
  return view.hits.map((hit) => newer.get(hit.order.orderId) ?? hit);
}

/** Where what is shown is not what there is by now, that too. */
function sayCount() {
  const count = view.held ? newOf(view.held.hits).length : 0;
  const held = `, ${count === 0 ? 'changes' : `${whole(count)} new`} once the pointer has left the list`;
  page.count.textContent = `${countText(view.total)}${view.held ? held : ''}`;
}

/** @param {boolean} isPointedAt */
function pointerMoved(isPointedAt) {
  view.isPointedAt = isPointedAt;
  if (isPointedAt || !view.held) return;
  showHits('refresh', view.held);
  sayCount();
}

const cards = createKeptList({
  frame: page.results,
  heading: page.results,
  idOf: (/** @type {Hit} */ { order }) => order.orderId,
  keyOf: ({ order, highlights }) => JSON.stringify([order, highlights]),
  make: (hit) => {
    const card = orderCard(hit);
    if (view.isRefreshed) card.classList.add('new');
    return card;
  },
});

/** @param {number} before @param {boolean} hadFocus whether the button had it */
function announceMore(before, hadFocus) {
  page.announcement.textContent = `${view.hits.length - before} more shown, ${view.hits.length} of ${countText(view.total)}`;
  // The button that had the focus is gone: go on where reading goes on.
  if (hadFocus && page.more.hidden) page.results.children[before]?.querySelector('summary')?.focus();
}

/** @param {number} total */
function countText(total) {
  return `${whole(total)} ${total === 1 ? 'order' : 'orders'}`;
}

/** What is shown is the answer to another question, or another's: nothing of it stays. */
function forget() {
  view.hits = [];
  view.held = undefined;
  view.nextCursor = null;
  freshness.forget();
  page.more.hidden = true;
  page.count.textContent = '\u00a0';
  hideEmpty();
  showFacets(form, undefined, true);
  cards.show([]);
}

/** @param {unknown} error */
function fail(error) {
  const { status, text } = explain(error);
  freshness.failed(error);
  hideEmpty();
  // It says that it is searching, or what another answer had.
  page.announcement.textContent = '';
  if (view.answered !== toParameters(view.query).toString()) forget();
  if (view.hits.length > 0) sayCount();
  else page.count.textContent = '\u00a0';
  if (status === 401) {
    showProblem('');
    askToken(text);
  } else showProblem(text);
}

/** @param {string} why */
function askToken(why) {
  drawer.putAway();
  session.ask(why);
}

/** @param {{ isSettled: boolean }} how whether it is chosen or entered, or only typed so far */
function queryChanged({ isSettled }) {
  const query = readForm();
  const isSame = toParameters(query).toString() === toParameters(view.query).toString();
  if (isSame && page.problem.hidden) return;
  view.query = query;
  if (!isSame) {
    writeAddress(query, isSettled || view.isSettled ? 'push' : 'replace');
    view.isSettled = isSettled;
  }
  void ask('search');
  suggestions.ask();
}

const suggestions = createSuggestions({
  box,
  completions: find('#completions', HTMLElement),
  told: find('#suggested', HTMLElement),
  meant: find('#meant', HTMLElement),
  choose: (q) => {
    box.value = q;
    box.focus();
    queryChanged({ isSettled: true });
  },
});

function more() {
  if (view.asking === undefined || view.asking.purpose === 'refresh') void ask('more');
}

/** Reading on brings more by itself; the button stays for who reads by other means. */
const nearEnd = new IntersectionObserver(
  ([entry]) => {
    const isWanted = entry?.isIntersecting && view.nextCursor !== null && page.problem.hidden;
    if (isWanted && mayAskByItself()) more();
  },
  { rootMargin: '600px' },
);
const drawer = createOrderDrawer({ isAsking: () => session.isAsking(), askToken });
// What the one before was shown is nothing for who comes after.
const session = createSession(() => {
  forget();
  suggestions.forget();
  drawer.readAddress();
  void ask('search');
  suggestions.ask();
});

function start() {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typing;
  box.addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      typing = undefined;
      queryChanged({ isSettled: false });
    }, TYPING_PAUSE_MS);
  });
  const entered = () => {
    clearTimeout(typing);
    typing = undefined;
    queryChanged({ isSettled: false });
    view.isSettled = true;
  };
  box.addEventListener('blur', () => (typing === undefined ? (view.isSettled = true) : entered()));
  find('#clear', HTMLButtonElement).addEventListener('click', () => {
    clear(box);
    box.focus();
  });
  form.addEventListener('change', (event) => event.target !== box && queryChanged({ isSettled: true }));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    entered();
  });
  page.results.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a.open') : undefined;
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
    if (!link || elsewhere) return;
    event.preventDefault();
    drawer.open(/** @type {HTMLElement} */ (link.closest('.card')).dataset['orderId'] ?? '');
  });
  page.results.addEventListener('pointerenter', ({ pointerType }) => pointerMoved(pointerType === 'mouse'));
  page.results.addEventListener('pointerleave', () => pointerMoved(false));
  // While a new question is open, the cursor is that of the old one.
  page.more.addEventListener('click', more);
  nearEnd.observe(page.more);
  find('#problem button', HTMLButtonElement).addEventListener('click', () => void ask('search'));
  addEventListener('popstate', () => {
    drawer.readAddress();
    if (toParameters(readAddress()).toString() === toParameters(view.query).toString()) return;
    view.query = readAddress();
    view.isSettled = true;
    writeForm(view.query);
    void ask('search');
    suggestions.ask();
  });
  const refresh = () => {
    const idle = typing === undefined && view.asking === undefined && !session.isAsking();
    if (idle && document.visibilityState === 'visible' && mayAskByItself()) void ask('refresh');
  };
  document.addEventListener('visibilitychange', refresh);
  setInterval(refresh, REFRESH_MS);
  // What somebody has typed before this was loaded is meant, and stays.
  if (box.value !== '') {
    view.query.q = box.value;
    writeAddress(view.query, 'replace');
  }
  writeForm(view.query);
  drawer.readAddress();
  void ask('search');
  suggestions.ask();
}

start();
