import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { OrderDocument, SearchFields } from '../../src/order/document.ts';
import type { OrderEvent } from '../../src/order/event.ts';
import { documentOf } from '../../src/order/flatten.ts';
import { foldStored } from '../../src/order/fold.ts';
import { parseEvent } from '../../src/order/parse-event.ts';
import { matchesTerm, parseTextQuery } from '../../src/order/search-text.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { generateEvents } from '../support/generate-events.ts';
import { BACKENDS } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';

const ORDERS = 80;

/** What scripts, signs and lengths do to words. */
const ODD_NAMES = [
  '\u{1e900}\u{1e901}\u{1e902} \u{10330}\u{10331}',
  `${'x'.repeat(255)}ß`,
  ...[254, 255, 256, 257, 511].map((length) => 'word'.repeat(128).slice(0, length)),
  'กาว',
  'ข้าวกล้อง แก้วกาแฟ',
  '日本酒',
  '本日のおすすめ',
  'कमल कोमल',
  'कमाल कमला',
  'ΠΑΠΑΣΤΑΘΟΠΟΥΛΟΣ',
  'Ka\u02bbahumanu O\u02bcBrien O‘Neill',
  'Lan\u00adtern Tea\u200bpot',
  'T-shirt wi-fi',
  '½ inch ﷺ',
];

function placedAs(name: string, n: number) {
  const items = [{ sku: `ODD-${n}`, name, quantity: 1, unitPriceCents: 100 }];
  const customer = { id: `odd-${n}`, name: 'Odd' };
  return {
    ...{
      specversion: '1.0',
      id: `odd-${n}`,
      source: '/odd',
      type: 'order.placed.v2',
      subject: `odd-${n}`,
      sequence: 1,
    },
    ...{
      time: '2026-04-01T00:00:00Z',
      data: { customer, sellerId: 's', currency: 'EUR', items, totalCents: 100, tags: [] },
    },
  };
}

/** What one search shows at most, so that a page is the whole answer. */
const DOCUMENTS: readonly OrderDocument[] = (() => {
  const histories = new Map<string, OrderEvent[]>();
  for (const event of [...generateEvents({ seed: 'same-matches', orders: ORDERS }), ...ODD_NAMES.map(placedAs)]) {
    const parsed = parseEvent(Buffer.from(JSON.stringify(event)), { maxMessageBytes: 1_000_000 });
    assert.equal(parsed.kind, 'event');
    if (parsed.kind === 'event')
      histories.set(parsed.orderId, [...(histories.get(parsed.orderId) ?? []), parsed.event]);
  }
  return [...histories].map(([orderId, events]) => documentOf(foldStored(orderId, events), '2026-05-01T00:00:00.000Z'));
})();

function textsOf({ all, items, customer }: SearchFields): string[] {
  return [all, items, customer];
}

/** The rule itself, word by word over every document. */
function matching(q: string): string[] {
  const { terms, phrases, exact } = parseTextQuery(q);
  const isFound = ({ search }: OrderDocument): boolean => {
    if (!search) return false;
    if (search.exact.includes(exact)) return true;
    if (terms.length + phrases.length === 0) return false;
    const texts = textsOf(search);
    const words = texts.flatMap((text) => text.split(' '));
    const isThere = (phrase: readonly string[], end: string) =>
      texts.some((text) => ` ${text} `.includes(` ${phrase.join(' ')}${end}`));
    return (
      terms.every((term) => words.some((word) => matchesTerm(term, word))) &&
      phrases.every(({ forms, prefix }) => forms.some((form) => isThere(form, prefix ? '' : ' ')))
    );
  };
  return DOCUMENTS.filter(isFound)
    .map(({ orderId }) => orderId)
    .sort();
}

const TEXTS = DOCUMENTS.flatMap(({ orderId, customerName = '', itemNames = [], skus = [], tags = [], customerId = '' }) => [
  orderId, customerName, customerId, ...itemNames, ...skus, ...tags,
]); // prettier-ignore

/** A known text's word, or several, with or without a slip of the finger. */
const typed = fc
  .record({
    text: fc.constantFrom(...TEXTS),
    from: fc.nat(3),
    words: fc.integer({ min: 1, max: 3 }),
    slip: fc.constantFrom('none', 'drop', 'swap', 'double', 'cut', 'first', 'upper'),
    at: fc.nat(8),
  })
  .map(({ text, from, words, slip, at }) =>
    slipped(
      text
        .split(' ')
        .slice(from, from + words)
        .join(' '),
      slip,
      at,
    ),
  );

function slipped(text: string, slip: string, at: number): string {
  const letters = [...text];
  const here = letters[at] ?? '';
  if (slip === 'drop') letters.splice(at, 1);
  if (slip === 'swap') letters.splice(at, 2, letters[at + 1] ?? '', here);
  if (slip === 'double') letters.splice(at, 0, here);
  if (slip === 'cut') letters.length = Math.min(letters.length, at + 1);
  if (slip === 'first') letters[0] = 'x';
  if (slip === 'upper') return text.toUpperCase();
  return letters.join('');
}

const syntax = fc.constantFrom(
  '"',
  '"',
  '*',
  'AND',
  'OR',
  'NOT',
  'NEAR(',
  '{words} :',
  '^',
  '-',
  '+',
  '(',
  ')',
  ':',
  '\\',
  '~2',
  '⑴',
  'ﷺ',
  '½',
  '',
);
const part = fc.oneof(
  { weight: 5, arbitrary: typed },
  { weight: 2, arbitrary: syntax },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
);
const ending = fc.constantFrom('', ' ', '"');
const query = fc.oneof(
  fc.tuple(typed, ending).map(([text, end]) => text + end),
  typed.map((text) => `"${text}"`),
  fc.tuple(fc.array(part, { minLength: 1, maxLength: 4 }), ending).map(([parts, end]) => parts.join(' ') + end),
);

describe('what a text query finds', () => {
  const places: IndexPlace[] = [];
  const indices: { readonly name: string; readonly index: OrderIndex }[] = [];

  before(async () => {
    for (const backend of BACKENDS) {
      const place = backend.index();
      places.push(place);
      const index = place.instance();
      await index.open();
      const writes = DOCUMENTS.map((document) => ({ orderId: document.orderId, version: document.version, document }));
      const outcomes = await index.write((await index.registry()).live, writes, 'live');
      assert.ok(outcomes.every(({ kind }) => kind === 'written'));
      await index.refresh();
      indices.push({ name: backend.name, index });
    }
  });
  after(async () => {
    for (const place of places) await place.remove();
  });

  const answers = (q: string) =>
    Promise.all(
      indices.map(async ({ name, index }) => {
        const { total, hits } = await index.search({ q, sort: 'relevance', size: 100 });
        return { name, total, hits: hits.map(({ document, score }) => ({ orderId: document.orderId, score })) };
      }),
    );

  it('is what the rule says, in every backend and in the same order, whatever is typed', async () => {
    const property = fc.asyncProperty(query, async (q) => {
      const expected = matching(q);
      const given = await answers(q);
      for (const { name, total, hits } of given) {
        assert.deepEqual(hits.map(({ orderId }) => orderId).sort(), expected, `${name}: ${q}`);
        assert.equal(total, expected.length);
      }
      const [first, ...others] = given;
      for (const other of others) assert.deepEqual(other.hits, first?.hits, q);
    });
    await fc.assert(property, { numRuns: 200 });
  }).timeout(120_000);

  it('finds each document by each of its words', async () => {
    const texts = DOCUMENTS.flatMap(({ search }) => (search ? textsOf(search) : []));
    const words = [...new Set(texts.flatMap((text) => text.split(' ')))];
    for (const word of words) {
      for (const { name, hits } of await answers(`${word} `)) {
        assert.deepEqual(hits.map(({ orderId }) => orderId).sort(), matching(`${word} `), `${name}: ${word}`);
      }
    }
  }).timeout(120_000);
});
