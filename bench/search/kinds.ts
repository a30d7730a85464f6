import type { SearchQuery, SearchSort } from '../../src/order-index/port.ts';

/** One way of asking: the query at the service, and what the service then asks Elasticsearch. */
export interface QueryKind {
  readonly name: string;
  /** Of the nth request; none is like the one before. */
  readonly address: (nth: number) => string;
  /** Undefined where the service asks more than one question. */
  readonly query?: (nth: number) => SearchQuery;
}

const WORDS = ['lantern', 'teapot', 'blanket', 'backpack', 'candle', 'towel', 'board', 'stove'];
const NAMES = ['jose', 'muller', 'clarke', 'rossi', 'brown', 'dubois', 'esposito', 'nova'];

const word = (nth: number) => WORDS[nth % WORDS.length] ?? '';
const name = (nth: number) => NAMES[nth % NAMES.length] ?? '';

export function queryKinds(orderIds: readonly string[]): readonly QueryKind[] {
  const orderId = (nth: number) => orderIds[(nth * 7919) % orderIds.length] ?? '';
  const day = (nth: number) => `2026-01-${String((nth % 28) + 1).padStart(2, '0')}`;
  return [
    search('an order id', (nth) => ({ q: orderId(nth) })),
    search('a SKU', (nth) => ({ q: `HH-100${(nth % 7) + 1}` })),
    search('one word', (nth) => ({ q: `${word(nth)} ` })),
    search('two words, across fields', (nth) => ({ q: `${name(nth)} ${word(nth)} ` })),
    search('a phrase', () => ({ q: '"white metal lantern"' })),
    search('an unfinished word', (nth) => ({ q: word(nth).slice(0, 3) })),
    search('a typo', (nth) => ({ q: `${word(nth).slice(0, 3)}x${word(nth).slice(4)} ` })),
    search('filters, newest first', (nth) => ({ status: ['paid', 'shipped'], placedFrom: day(nth) }), '-placedAt'),
    search('filters of facets', (nth) => ({ q: word(nth), tag: ['gift'], status: ['paid'] })),
    search("a customer's, by total", (nth) => ({ customerId: [`c-${1000 + (nth % 48)}`] }), '-totalCents'),
    { name: 'suggest, at each key', address: (nth) => suggestion(word(nth).slice(0, 1 + (nth % 6))) },
    { name: 'suggest, a typo', address: (nth) => suggestion(`${word(nth).slice(0, 3)}x${word(nth).slice(4)}`) },
  ];
}

function search(
  name: string,
  queryOf: (nth: number) => Partial<SearchQuery>,
  sort: SearchSort = 'relevance',
): QueryKind {
  const query = (nth: number): SearchQuery => ({ sort, size: 20, ...queryOf(nth) });
  return { name, query, address: (nth) => `/search?${parametersOf(query(nth))}` };
}

function parametersOf(query: SearchQuery): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value as string | number | readonly string[]].flat()) parameters.append(name, String(one));
  }
  return parameters.toString();
}

function suggestion(q: string): string {
  return `/suggest?${new URLSearchParams({ q }).toString()}`;
}
