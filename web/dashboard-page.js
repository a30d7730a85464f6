import { readCaller } from './access-token.js';
import { find } from './dom.js';
import { createFreshness } from './freshness.js';
import { explain, showProblem } from './problem.js';
import { createRevenueChart } from './revenue-chart.js';
import { dayTable, productTable, toCsv, totalCards, totalsOf } from './revenue-tables.js';
import { mayAskByItself, service } from './search-client.js';
import { createSellerField } from './seller-field.js';
import { createSession } from './session.js';

/** @import { RevenueDailyAnswer, SellerDashboardAnswer } from './client/index.ts' */
/** @typedef {RevenueDailyAnswer & Partial<SellerDashboardAnswer>} Answer */
/** Whose numbers, empty for those of all sellers, and of which days. @typedef {{ seller: string, from: string, to: string }} Question */

const REFRESH_MS = 3_000;
const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;
/** With fewer an answer has all that were sold, in whichever currency. */
const TOP_PRODUCTS = 10;
/** Longer than most answers take: what takes longer is said. */
const SLOW_MS = 600;
/** The aggregates follow the orders a little later. */
const LAGGING_SECONDS = 15;

const page = {
  form: find('#range', HTMLFormElement),
  from: find('input[name=from]', HTMLInputElement),
  to: find('input[name=to]', HTMLInputElement),
  currency: find('select[name=currency]', HTMLSelectElement),
  scope: find('#scope', HTMLElement),
  shown: find('#shown', HTMLElement),
  empty: find('#empty', HTMLElement),
  products: find('#products', HTMLElement),
  csv: find('#csv', HTMLButtonElement),
};
const chart = createRevenueChart(find('#chart', HTMLElement), find('#readout', HTMLElement));
const freshness = createFreshness(find('#freshness', HTMLElement), LAGGING_SECONDS);
const sellerField = createSellerField(() => rangeChanged());

/** What is shown, with what was asked for it, and the one request whose answer counts. */
const view = {
  /** @type {{ asked: Question, answer: Answer } | undefined} */
  shown: undefined,
  /** @type {AbortController | undefined} */
  asking: undefined,
  /** The days that were chosen; where one was not, the days end today, whichever day that is, and are as many as usual. */
  chosen: { from: '', to: '' },
  /** Those that are asked for. */
  fitted: { from: '', to: '' },
};

/** @param {number} ms */
const dayAt = (ms) => new Date(ms).toISOString().slice(0, 'YYYY-MM-DD'.length);

/** A newer question aborts an older one, so an old answer never replaces a newer one. @param {'new' | 'refresh'} purpose */
async function ask(purpose) {
  view.asking?.abort();
  const asking = new AbortController();
  view.asking = asking;
  fitDays();
  const asked = question();
  freshness.asked();
  if (purpose === 'new') page.shown.ariaBusy = 'true';
  const slow = setTimeout(() => purpose === 'new' && view.asking === asking && sayScope('Adding up …'), SLOW_MS);
  try {
    const answer = await answerFor(asked, asking.signal);
    if (view.asking !== asking) return;
    if (answer) show(asked, answer);
    else refuse(readCaller().role === 'customer' ? 'Dashboards are for sellers, support and admins.' : NOT_YOURS);
  } catch (error) {
    if (view.asking === asking) fail(error, purpose === 'new' ? asked : view.shown?.asked);
  } finally {
    clearTimeout(slow);
    if (view.asking === asking) {
      view.asking = undefined;
      page.shown.ariaBusy = 'false';
    }
  }
}

const NOT_YOURS = 'There is no such seller that you may see.';

/** Fields are written only where it is another day: somebody may be typing in them. */
function fitDays() {
  const to = view.chosen.to || dayAt(Date.now());
  const from = view.chosen.from || dayAt(Date.parse(to) - (USUAL_DAYS - 1) * DAY_MS);
  if (to === view.fitted.to && from === view.fitted.from) return;
  view.fitted = { from, to };
  page.to.value = to;
  page.from.value = from;
}

/** @returns {Question} */
function question() {
  const { role, sub } = readCaller();
  return { seller: role === 'seller' ? sub : sellerField.seller(), ...view.fitted };
}

/** @param {Question} asked @param {AbortSignal} signal @returns {Promise<Answer | undefined>} */
async function answerFor({ seller, ...range }, signal) {
  if (readCaller().role === 'customer') return undefined;
  if (seller === '') return service.revenueDaily(range, { signal });
  const answer = await service.sellerDashboard(seller, range, { signal });
  const offered = currenciesOf(answer?.days ?? []);
  if (!answer || offered.length < 2 || answer.topProducts.length < TOP_PRODUCTS) return answer;
  // All of these may be of another currency than the one that is shown: minor units of one are worth more than those of another.
  const [first = ''] = offered;
  const currency = offered.includes(page.currency.value) ? page.currency.value : first;
  const shown = await service.sellerDashboard(seller, { ...range, currency }, { signal });
  return { ...answer, topProducts: shown?.topProducts ?? [] };
}

/** @param {Answer['days']} days */
function currenciesOf(days) {
  return [...new Set(days.map(({ currency }) => currency))];
}

/** @param {Question} asked @param {Answer} answer */
function show(asked, answer) {
  showProblem('');
  session.settled();
  view.shown = { asked, answer };
  page.csv.disabled = false;
  freshness.answered(answer.lagSeconds);
  offerCurrencies(answer);
  showCurrency();
  page.shown.classList.remove('waiting');
}

/** @param {Answer} answer */
function offerCurrencies({ days }) {
  const offered = currenciesOf(days);
  const before = page.currency.value;
  if (offered.join() === [...page.currency.options].map(({ value }) => value).join()) return;
  page.currency.replaceChildren(...offered.map((currency) => new Option(currency, currency)));
  if (offered.includes(before)) page.currency.value = before;
  // There is none of the one that the address names: it is another one that is shown.
  else if (new URLSearchParams(location.search).has('currency')) writeAddress('replace');
}

function showCurrency() {
  if (!view.shown) return;
  const { days, totals = totalsOf(days), topProducts } = view.shown.answer;
  const shown = days.filter(({ currency }) => currency === page.currency.value);
  page.empty.hidden = days.length > 0;
  page.shown.hidden = days.length === 0;
  sayScope(scopeText(view.shown));
  find('#totals', HTMLElement).replaceChildren(...totalCards(totals));
  chart.show(shown);
  keepScroll(find('#days', HTMLElement), dayTable(shown));
  page.products.hidden = topProducts === undefined;
  const products = (topProducts ?? []).filter(({ currency }) => currency === page.currency.value);
  keepScroll(find('#products .rows', HTMLElement), productTable(products));
}

/** @param {{ asked: Question, answer: Answer }} shown */
function scopeText({ asked: { seller }, answer: { keptFrom } }) {
  const kept = keptFrom === undefined ? '' : ` · days before ${keptFrom} are not kept`;
  return `${seller === '' ? 'All sellers' : `Seller ${seller}`}${kept}`;
}

/** @param {string} text empty: nothing is shown */
function sayScope(text) {
  page.scope.textContent = text || '\u00a0';
}

/** Puts a new table where the old one was, with the focus and the place that it was scrolled to. @param {HTMLElement} frame @param {HTMLElement} next */
function keepScroll(frame, next) {
  const before = frame.firstElementChild;
  if (before && before.textContent === next.textContent) return;
  const left = before?.scrollLeft ?? 0;
  const focused = before !== null && before === document.activeElement;
  frame.replaceChildren(next);
  next.scrollLeft = left;
  if (focused) next.focus();
}

/** What was shown stays where it still answers what is asked. @param {unknown} error @param {Question | undefined} asked */
function fail(error, asked) {
  const { status, text } = explain(error);
  freshness.failed(error);
  if (JSON.stringify(asked) !== JSON.stringify(view.shown?.asked)) forget();
  sayScope(view.shown ? scopeText(view.shown) : '');
  showProblem(status === 401 ? '' : text);
  if (status === 401) session.ask(text);
}

/** @param {string} why */
function refuse(why) {
  showProblem(why);
  forget();
  page.shown.hidden = true;
  sayScope('');
}

/** Numbers of another question would be taken for those of this one. */
function forget() {
  view.shown = undefined;
  freshness.forget();
  page.shown.classList.add('waiting');
  page.empty.hidden = page.csv.disabled = true;
}

function readAddress() {
  const address = new URLSearchParams(location.search);
  // What is no day is none in a field either.
  for (const field of [page.from, page.to]) field.value = address.get(field.name) ?? '';
  choose({ from: page.from.value, to: page.to.value });
  sellerField.show(address.get('seller') ?? '');
  const currency = address.get('currency') ?? '';
  // Where none is chosen it is the first one.
  page.currency.selectedIndex = 0;
  if (currency !== '') page.currency.replaceChildren(new Option(currency, currency));
}

/** @param {{ from: string, to: string }} days */
function choose(days) {
  view.chosen = days;
  view.fitted = { from: '', to: '' };
  fitDays();
}

/** @param {'push' | 'replace'} way */
function writeAddress(way) {
  const parameters = new URLSearchParams();
  if (sellerField.seller() !== '') parameters.set('seller', sellerField.seller());
  for (const [name, value] of Object.entries({ ...view.chosen, currency: page.currency.value })) {
    if (value !== '') parameters.set(name, value);
  }
  if (`?${parameters}` === location.search) return;
  if (way === 'push') history.pushState(null, '', `?${parameters}`);
  else history.replaceState(null, '', `?${parameters}`);
}

function rangeChanged() {
  if (!page.form.checkValidity()) return;
  writeAddress('push');
  void ask('new');
}

/** @param {boolean} isTo whether it is the last day that was changed */
function daysChanged(isTo) {
  if (!page.form.checkValidity()) return;
  view.fitted = { from: page.from.value, to: page.to.value };
  // Where only the first day is chosen the last one goes on being today.
  view.chosen = { ...view.fitted, to: isTo || view.chosen.to !== '' ? page.to.value : '' };
  rangeChanged();
}

/** Sellers see their own; staff may choose one. */
async function fitCaller() {
  const { role } = readCaller();
  const mayChoose = role === 'admin' || role === 'support';
  find('#seller-field', HTMLElement).hidden = !mayChoose;
  // What the one before was offered is nothing for who may not choose.
  if (!mayChoose) return sellerField.offer([]);
  // Help only: where it cannot be had, the dashboard's own answer tells why.
  const answer = await service.search({ size: 1 }).catch(explain);
  if ('facets' in answer) sellerField.offer(answer.facets.seller);
}

function download() {
  if (!view.shown) return;
  const { asked, answer } = view.shown;
  const address = URL.createObjectURL(new Blob([toCsv(answer.days)], { type: 'text/csv' }));
  const link = Object.assign(document.createElement('a'), { href: address });
  link.download = `revenue-${asked.seller || 'all'}-${asked.from}-${asked.to}.csv`;
  link.click();
  URL.revokeObjectURL(address);
}

const session = createSession(() => {
  forget();
  void fitCaller();
  void ask('new');
});

function start() {
  readAddress();
  page.form.addEventListener('submit', (event) => event.preventDefault());
  page.form.addEventListener('change', ({ target }) => {
    if (target === page.from || target === page.to) daysChanged(target === page.to);
    if (target !== page.currency) return;
    writeAddress('push');
    showCurrency();
    void ask('refresh');
  });
  for (const preset of page.form.querySelectorAll('button[data-days]')) {
    preset.addEventListener('click', () => {
      const days = Number(/** @type {HTMLElement} */ (preset).dataset['days']);
      choose({ from: dayAt(Date.now() - (days - 1) * DAY_MS), to: dayAt(Date.now()) });
      writeAddress('push');
      void ask('new');
    });
  }
  page.csv.addEventListener('click', download);
  find('#problem button', HTMLButtonElement).addEventListener('click', () => void ask('new'));
  addEventListener('popstate', () => {
    readAddress();
    void ask('new');
  });
  setInterval(() => {
    const idle = view.asking === undefined && !session.isAsking() && document.visibilityState === 'visible';
    if (idle && mayAskByItself()) void ask('refresh');
  }, REFRESH_MS);
  void fitCaller();
  void ask('new');
}

start();
