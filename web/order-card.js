import { element, spoken } from './dom.js';
import { money, zonedInstant } from './format.js';

/** @import { Hit, Order } from './client/index.ts' */

/** Items shown before the details are opened. */
const SHOWN_ITEMS = 3;

/**
 * One order as a list item.
 * @param {Hit} hit
 */
export function orderCard({ order, highlights }) {
  const card = element('li', { className: 'card' });
  card.dataset['orderId'] = order.orderId;
  const article = element('article');
  const head = element('div', { className: 'head' }, [
    element('h2', {}, [orderLink(order.orderId, marked(highlights['orderId']?.[0], order.orderId))]),
    statusAndTotal(order),
  ]);
  const customer = element('p', { className: 'customer' }, [
    element('span', { className: 'name' }, marked(highlights['customerName']?.[0], order.customerName)),
    element('span', { className: 'id' }, marked(highlights['customerId']?.[0], order.customerId)),
    time(order.placedAt),
  ]);
  article.append(head, customer, itemLine(order, highlights['itemNames'] ?? []), ...skuLine(highlights['skus'] ?? []));
  article.append(...tagLine(order.tags, highlights['tags'] ?? []), details(order));
  card.append(article);
  return card;
}

/** @param {Order} order */
export function statusAndTotal({ status, totalCents, currency }) {
  return element('span', { className: 'worth' }, [
    element('span', { className: `status ${status}` }, [status]),
    element('span', { className: 'total' }, [money(totalCents, currency)]),
  ]);
}

/**
 * An address of its own, which also shows the search; the page opens it without leaving the list.
 * @param {string} orderId
 * @param {(Node | string)[]} text
 */
function orderLink(orderId, text) {
  const link = element('a', { className: 'open' }, text);
  link.href = `?${new URLSearchParams({ order: orderId })}`;
  return link;
}

/**
 * The matching items first, then the others, as many as fit.
 * @param {Order} order
 * @param {string[]} highlighted
 */
function itemLine(order, highlighted) {
  const matching = highlighted.map((html) => ({ text: plainText(html), html }));
  const found = new Set(matching.map(({ text }) => text));
  const others = order.itemNames.filter((name) => !found.has(name)).map((text) => ({ text, html: undefined }));
  const all = [...matching, ...others];
  const line = element('ul', { className: 'items' });
  for (const { text, html } of all.slice(0, SHOWN_ITEMS)) line.append(element('li', {}, marked(html, text)));
  if (all.length > SHOWN_ITEMS) line.append(element('li', { className: 'rest' }, [`${all.length - SHOWN_ITEMS} more`]));
  return line;
}

/** @param {string[]} highlighted */
function skuLine(highlighted) {
  if (highlighted.length === 0) return [];
  const skus = highlighted.slice(0, SHOWN_ITEMS).flatMap((html, at) => [at > 0 ? ', ' : 'SKU ', ...marked(html, '')]);
  return [element('p', { className: 'skus' }, skus)];
}

/**
 * @param {string[]} tags
 * @param {string[]} highlighted
 */
export function tagLine(tags, highlighted) {
  if (tags.length === 0) return [];
  const byText = new Map(highlighted.map((html) => [plainText(html), html]));
  const entries = tags.map((tag) => element('li', {}, marked(byText.get(tag), tag)));
  return [element('ul', { className: 'tags', ariaLabel: 'Tags' }, entries)];
}

/** @param {Order} order */
function details(order) {
  return element('details', {}, [
    element('summary', {}, ['Details', spoken(` of order ${order.orderId}`)]),
    itemTable(order),
    orderFacts(order),
  ]);
}

/** @param {Order} order */
export function itemTable({ items, currency }) {
  const rows = items.map(({ sku, name, quantity, unitPriceCents }) =>
    element('tr', {}, [
      element('td', {}, [name, ' ', element('span', { className: 'id' }, [sku])]),
      element('td', { className: 'number' }, [`${quantity} × ${money(unitPriceCents, currency)}`]),
    ]),
  );
  const caption = element('caption', { className: 'hidden-label' }, ['Items']);
  return element('table', {}, [caption, element('tbody', {}, rows)]);
}

/** @param {Order} order */
export function orderFacts(order) {
  return element('dl', {}, facts(order));
}

/** @param {Order} order */
function facts(order) {
  /** @type {[string, string | undefined][]} */
  const all = [
    ['Seller', order.sellerId],
    ['Email', order.customerEmail],
    ['Paid', order.paidCents > 0 ? money(order.paidCents, order.currency) : undefined],
    ['Refunded', order.refundedCents > 0 ? money(order.refundedCents, order.currency) : undefined],
    ['Placed', zonedInstant(order.placedAt)],
    ['First paid', order.paidAt && zonedInstant(order.paidAt)],
    ['Shipped', order.shippedAt && zonedInstant(order.shippedAt)],
    ['Delivered', order.deliveredAt && zonedInstant(order.deliveredAt)],
    ['Cancelled', order.cancelledAt && zonedInstant(order.cancelledAt)],
    ['Version', String(order.version)],
  ];
  return all.flatMap(([name, value]) =>
    value === undefined ? [] : [element('div', {}, [element('dt', {}, [name]), element('dd', {}, [value])])],
  );
}

/** @param {string} iso */
function time(iso) {
  const node = element('time', {}, [new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' }).format(new Date(iso))]);
  node.dateTime = iso;
  node.title = zonedInstant(iso);
  return node;
}

/**
 * A highlight as nodes: never parsed as HTML, so nothing but its marks can be an element.
 * @param {string | undefined} html escaped text with <mark>, as the service sends it
 * @param {string} text shown where nothing is highlighted
 * @returns {(Node | string)[]}
 */
function marked(html, text) {
  if (html === undefined) return [text];
  return html
    .split(/<\/?mark>/)
    .map((part, at) => (at % 2 === 1 ? element('mark', {}, [unescape(part)]) : unescape(part)));
}

/** @param {string} html */
function plainText(html) {
  return unescape(html.replaceAll(/<\/?mark>/g, ''));
}

/** @type {Readonly<Record<string, string>>} */
const ENTITIES = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'", '&amp;': '&' };

/** @param {string} escaped */
function unescape(escaped) {
  return escaped.replaceAll(/&(?:lt|gt|quot|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity);
}
