import assert from 'node:assert/strict';
import { encodeSearchCursor } from '../../../../src/order-index/cursor.ts';
import { isReadable, searchRequest } from '../../../../src/order-index/elasticsearch/search-query.ts';
import { InvalidCursorError } from '../../../../src/order-index/port.ts';
import type { SearchQuery } from '../../../../src/order-index/port.ts';

const VISIBLE = { terms: { status: ['placed', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded'] } };
const request = (query: Partial<SearchQuery>) => searchRequest({ sort: '-placedAt', size: 20, ...query });
const text = (q: string) => JSON.stringify(request({ q }).query);

describe('the search that Elasticsearch is sent', () => {
  describe('when nothing is asked for', () => {
    it('takes what a reader may see, counts it exactly and leaves the events in the index', () => {
      const { aggs: _, ...search } = request({});
      assert.deepEqual(search, {
        query: { bool: { filter: [VISIBLE] } },
        sort: [{ placedAt: { order: 'desc' } }, { orderId: { order: 'asc' } }],
        size: 21,
        track_total_hits: true,
        allow_partial_search_results: false,
        _source: { excludes: ['events', 'search', 'eventsDigest', 'aggregateKeys', 'contributions', 'sales'] },
      });
    });
  });

  describe('when it is narrowed', () => {
    const narrowed = (query: Partial<SearchQuery>) => {
      const { query: asked, post_filter: after } = request(query);
      return { before: (asked as { bool: { filter: unknown[] } }).bool.filter.slice(1), after };
    };

    it('adds what the caller may see beside what a reader may see, so that nothing is counted without it', () => {
      const restrictTo = { field: 'sellerId', value: 'S-1' } as const;
      assert.deepEqual(request({ restrictTo }).query, { bool: { filter: [VISIBLE, { term: { sellerId: 'S-1' } }] } });
      assert.deepEqual(narrowed({ restrictTo, sellerId: ['S-2'] }).before, [{ term: { sellerId: 'S-1' } }]);
    });

    it('takes any value of a name, and all names; those that have a facet after the counting', () => {
      const query = { sku: ['A', 'B'], customerId: ['C'], tag: ['t'], sellerId: ['S'], currency: ['EUR'] };
      assert.deepEqual(narrowed({ ...query, status: ['paid', 'shipped'] }), {
        before: [{ terms: { skus: ['A', 'B'] } }, { terms: { customerId: ['C'] } }],
        after: {
          bool: {
            filter: [
              { terms: { status: ['paid', 'shipped'] } },
              { terms: { tags: ['t'] } },
              { terms: { sellerId: ['S'] } },
              { terms: { currency: ['EUR'] } },
            ],
          },
        },
      });
      assert.deepEqual(narrowed({ status: [], sku: [] }), { before: [], after: undefined });
    });

    it('counts each facet behind the filters of the others', () => {
      const { aggs } = request({ status: ['paid'], tag: ['t'] }) as { aggs: Record<string, { filter: unknown }> };
      const [status, tag] = [{ terms: { status: ['paid'] } }, { terms: { tags: ['t'] } }];
      assert.deepEqual(aggs['status']?.filter, { bool: { filter: [tag] } });
      assert.deepEqual(aggs['tag']?.filter, { bool: { filter: [status] } });
      assert.deepEqual(aggs['seller']?.filter, { bool: { filter: [status, tag] } });
    });

    it('takes whole days, and ranges that are open on either side', () => {
      assert.deepEqual(narrowed({ placedFrom: '2026-03-01', placedTo: '2026-03-01', minTotalCents: 0 }).before, [
        { range: { placedAt: { gte: '2026-03-01T00:00:00.000Z', lte: '2026-03-01T23:59:59.999Z' } } },
        { range: { totalCents: { gte: 0 } } },
      ]);
      assert.deepEqual(narrowed({ placedTo: '2026-03-01', maxTotalCents: 5 }).before, [
        { range: { placedAt: { lte: '2026-03-01T23:59:59.999Z' } } },
        { range: { totalCents: { lte: 5 } } },
      ]);
    });
  });

  describe('when it is sorted', () => {
    it('ends with the order id, whatever the sort', () => {
      for (const sort of ['relevance', '-placedAt', 'placedAt', '-totalCents', 'totalCents'] as const) {
        assert.deepEqual(request({ sort }).sort.at(-1), { orderId: { order: 'asc' } });
      }
      assert.deepEqual(request({ sort: 'relevance' }).sort.slice(0, 2), [
        { _score: { order: 'desc' } },
        { placedAt: { order: 'desc' } },
      ]);
    });

    it('goes on behind the cursor', () => {
      const cursor = encodeSearchCursor({ sort: 'totalCents', size: 20 }, [500, 'O-1']);
      assert.deepEqual(request({ sort: 'totalCents', cursor }).search_after, [500, 'O-1']);
      assert.throws(() => request({ sort: '-totalCents', cursor }), InvalidCursorError);
    });
  });

  describe('when there is text', () => {
    it('asks for nothing where there is no word in it', () => {
      assert.deepEqual(request({ q: '' }).query, { bool: { filter: [VISIBLE], must: [{ match_none: {} }] } });
      assert.deepEqual(request({ q: '!!!' }).query, {
        bool: {
          filter: [VISIBLE],
          must: [{ constant_score: { filter: { term: { 'search.exact': '!!!' } }, boost: 1000 } }],
        },
      });
    });

    it('counts a word more than a beginning, and more where it stands in a name; a typo is found too', () => {
      const [first, last] = mustOf('lantern gardn') as { bool: { should: Clause[] } }[];
      type Clause = { constant_score: { boost: number } } | { dis_max: { queries: Clause[] } };
      const boosts = (clause: Clause): unknown =>
        'dis_max' in clause ? clause.dis_max.queries.map(boosts) : clause.constant_score.boost;
      assert.deepEqual(first?.bool.should.map(boosts), [1, 0, 3]);
      assert.deepEqual(last?.bool.should.map(boosts), [1, 0, [3, 2]]);
    });

    it('looks into every field for a typo, once', () => {
      const fields = [...text('lantern').matchAll(/"fuzzy":\{"([^"]*)"/g)].map(([, field]) => field);
      assert.deepEqual(fields.sort(), ['search.all', 'search.customer', 'search.items']);
    });

    it('asks for typos without a bound on their number, the first letter right', () => {
      const fuzzy = {
        value: 'lantern',
        fuzziness: 2,
        prefix_length: 1,
        transpositions: true,
        rewrite: 'constant_score',
      };
      assert.ok(text('lantern').includes(JSON.stringify({ fuzzy: { 'search.all': fuzzy } })));
      assert.ok(text('17850').includes('"term"') && !text('17850').includes('fuzzy'));
    });

    it('has no analysed query but phrases: nothing that is typed is syntax', () => {
      for (const q of ['a AND (b OR c)', 'x:y*', '"a b" c~2', '/re.*/', '{"match_all":{}}']) {
        assert.doesNotMatch(text(q), /query_string|regexp|wildcard|"match"/);
      }
    });

    it('wants a quoted phrase in one of the texts, in either way of writing it', () => {
      const within = (q: string): unknown[] =>
        [...JSON.stringify(mustOf(q)).matchAll(/"match_phrase":(\{.*?\})/g)].map(([, one]): unknown =>
          JSON.parse(one ?? ''),
        );
      assert.deepEqual(within('"Paper Lantern"'), [
        { 'search.items': 'paper lantern' },
        { 'search.customer': 'paper lantern' },
        { 'search.all': 'paper lantern' },
      ]);
      assert.deepEqual(
        within('"Uwe Müller"').filter((one) => JSON.stringify(one).includes('items')),
        [{ 'search.items': 'uwe muller' }, { 'search.items': 'uwe mueller' }],
      );
    });

    it('stays bounded, however long the text', () => {
      assert.ok(text('abcdef '.repeat(1_000)).length < 120_000);
    });
  });
});

describe('what a reader may see', () => {
  it('is an order that was placed and not erased', () => {
    assert.ok(isReadable({ status: 'cancelled' }));
    assert.ok(!isReadable({ status: 'erased' }));
    assert.ok(!isReadable({ status: 'incomplete' }));
  });
});

/** What all of a document's words must match. */
function mustOf(q: string): unknown[] {
  const { bool } = request({ q }).query as { bool: { must: { bool: { should: { bool: { must: unknown[] } }[] } }[] } };
  return bool.must[0]?.bool.should[0]?.bool.must ?? [];
}
