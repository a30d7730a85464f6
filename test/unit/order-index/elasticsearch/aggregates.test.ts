import assert from 'node:assert/strict';
import { aggregateNames, inBackground, wholeSum } from '../../../../src/order-index/elasticsearch/aggregate-access.ts';
import { shardRanges } from '../../../../src/order-index/elasticsearch/aggregate-changes.ts';
import { contributing, rowsOf } from '../../../../src/order-index/elasticsearch/aggregate-compute.ts';
import { compareProducts, rowFilter, rowsRequest } from '../../../../src/order-index/elasticsearch/aggregate-reads.ts';
import { rowId } from '../../../../src/order-index/elasticsearch/aggregate-rows.ts';
import { indexNames } from '../../../../src/order-index/elasticsearch/names.ts';
import { IndexUnavailableError } from '../../../../src/order-index/port.ts';
import { REVENUE_DAILY } from '../../../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../../../src/rollups/seller-daily.ts';

const NOTHING = { match_none: {} };

describe('the names of an aggregate', () => {
  it('are made from the prefix and its own name', () => {
    const names = aggregateNames(indexNames('orders'), REVENUE_DAILY);
    assert.equal(names.alias, 'orders-revenue-daily');
    assert.equal(names.generation(7), 'orders-revenue-daily-000007');
    assert.equal(names.writeAlias(names.generation(7)), 'orders-revenue-daily-000007-writes');
  });

  it('are never taken for those of another service, aggregate or part', () => {
    const names = aggregateNames(indexNames('orders'), REVENUE_DAILY);
    assert.equal(names.generationNumber('orders-revenue-daily-000007'), 7);
    for (const other of [
      'orders-revenue-daily',
      'orders-revenue-daily-7',
      'orders-revenue-daily-000000',
      'orders-revenue-daily-000007-writes',
      'orders-revenue-daily-eu-000007',
      'orders-eu-revenue-daily-000007',
      'orders-seller-daily-000007',
      'orders-000007',
    ])
      assert.equal(names.generationNumber(other), undefined, other);
  });

  it('are nothing to the registry of the orders', () => {
    const orders = indexNames('orders');
    const names = aggregateNames(orders, REVENUE_DAILY);
    const generation = names.generation(7);
    assert.equal(orders.generationNumber(generation), undefined);
    for (const alias of [names.alias, names.writeAlias(generation)]) {
      assert.equal(orders.parseWriteAlias(alias), undefined);
      assert.equal(orders.parseMarker(alias), undefined);
    }
  });
});

describe('what nobody waits for', () => {
  const breaker = (state: 'open' | 'halfOpen' | 'closed') => ({
    writes: {
      state: () => state,
      refusesLooks: () => false,
      lastOutage: () => 'a lost connection',
      run: () => assert.fail('counts'),
      look: () => assert.fail('counts'),
      close: () => undefined,
    },
  });

  it('is not tried while the writes are held back', async () => {
    const request = () => assert.fail('tried');
    await assert.rejects(inBackground(breaker('open'), 'counting', request), {
      name: 'IndexUnavailableError',
      message: /^counting: not tried.*after a lost connection/,
    });
  });

  it('does not speak against the writes where it fails', async () => {
    const request = () => Promise.reject(new IndexUnavailableError('counting took too long'));
    await assert.rejects(inBackground(breaker('closed'), 'counting', request), { message: 'counting took too long' });
  });
});

describe('the shards that have changed', () => {
  it('are those that have been written to, from where they were', () => {
    assert.deepEqual(shardRanges({ since: [4, 7, -1], until: [9, 7, 0] }), [
      { shard: 0, since: 4 },
      { shard: 2, since: -1 },
    ]);
  });

  it('are all that anything was written to where nothing was seen before', () => {
    assert.deepEqual(shardRanges({ since: [], until: [3, -1] }), [{ shard: 0, since: -1 }]);
  });

  it('are read from their beginning where they have gone back', () => {
    assert.deepEqual(shardRanges({ since: [9], until: [2] }), [{ shard: 0, since: -1 }]);
  });
});

describe('the rows that keys belong to', () => {
  const keys = ['2026-03-02|EUR|b', '2026-03-01|EUR|a|x', '2026-03-01|EUR|b', '2026-03-01|EUR|b'];

  it('are the keys, each once, where no dimension is left out', () => {
    const rows = rowsOf(SELLER_DAILY, keys);
    assert.deepEqual(
      rows.map(({ key }) => key),
      ['2026-03-01|EUR|a|x', '2026-03-01|EUR|b', '2026-03-02|EUR|b'],
    );
    assert.deepEqual(rows[0], { key: '2026-03-01|EUR|a|x', day: '2026-03-01', currency: 'EUR', sellerId: 'a|x' });
    assert.deepEqual(
      contributing(SELLER_DAILY.dimensions, rows.slice(0, 1)),
      filters({ aggregateKeys: ['2026-03-01|EUR|a|x'] }, { 'contributions.key': ['2026-03-01|EUR|a|x'] }),
    );
  });

  it('are fewer where a dimension is left out, and found by the values of the others', () => {
    const rows = rowsOf(REVENUE_DAILY, keys);
    assert.deepEqual(rows, [
      { key: '2026-03-01|EUR', day: '2026-03-01', currency: 'EUR' },
      { key: '2026-03-02|EUR', day: '2026-03-02', currency: 'EUR' },
    ]);
    const { documents, filter } = contributing(REVENUE_DAILY.dimensions, rows);
    assert.deepEqual(documents, { nested: { path: 'contributions', query: filter } });
    assert.deepEqual(filter, {
      bool: {
        filter: [
          { terms: { 'contributions.day': ['2026-03-01', '2026-03-02'] } },
          { terms: { 'contributions.currency': ['EUR'] } },
        ],
      },
    });
  });
});

const filters = (documents: object, filter: object) => ({ documents: { terms: documents }, filter: { terms: filter } });

describe('the id of a row', () => {
  it('is its key as long as Elasticsearch takes that', () => {
    assert.equal(rowId('2026-03-01|EUR|S-1'), '2026-03-01|EUR|S-1');
    assert.equal(rowId('x'.repeat(512)), 'x'.repeat(512));
  });

  it('is a digest where the key is too long, or empty', () => {
    const [first, second] = ['灯'.repeat(171), `${'灯'.repeat(170)}籠`].map(rowId);
    assert.match(first ?? '', /^sha256:[0-9a-f]{64}$/);
    assert.notEqual(first, second);
    assert.match(rowId(''), /^sha256:/);
  });

  it('is nobody else’s, also where a key is made to look like a digest', () => {
    const long = 'x'.repeat(513);
    assert.notEqual(rowId(rowId(long)), rowId(long));
  });
});

describe('a sum', () => {
  it('is whole, and ends where numbers are no longer exact', () => {
    assert.equal(wholeSum({ value: null }), 0);
    assert.equal(wholeSum({ value: 12 }), 12);
    assert.equal(wholeSum({ value: 1e19 }), Number.MAX_SAFE_INTEGER);
  });
});

describe('the search for rows', () => {
  const filterOf = (query: Parameters<typeof rowFilter>[1], dimensions = SELLER_DAILY.dimensions) =>
    (rowFilter(dimensions, query) as { bool: { filter: object[] } }).bool.filter;

  it('narrows by what is asked for', () => {
    const query = { from: '2026-03-01', to: '2026-03-31', sellerId: 'S-1', currencies: ['EUR', 'GBP'] };
    assert.deepEqual(filterOf(query), [
      { range: { day: { gte: '2026-03-01' } } },
      { range: { day: { lte: '2026-03-31' } } },
      { term: { sellerId: 'S-1' } },
      { terms: { currency: ['EUR', 'GBP'] } },
    ]);
    assert.deepEqual(filterOf({}), []);
  });

  it('finds nothing by a dimension that the aggregate does not have', () => {
    assert.deepEqual(filterOf({ sellerId: 'S-1' }, REVENUE_DAILY.dimensions), [NOTHING]);
    assert.deepEqual(filterOf({ from: '2026-03-01', to: '2026-03-02' }, ['sellerId']), [NOTHING, NOTHING]);
    assert.deepEqual(filterOf({ currencies: ['EUR'] }, ['sellerId']), [NOTHING]);
  });

  it('lists by day, currency and seller, in whatever order the aggregate has them', () => {
    const request = rowsRequest({ ...SELLER_DAILY, dimensions: ['sellerId', 'day'] }, {});
    assert.deepEqual(request.sort, [{ day: 'asc' }, { sellerId: 'asc' }]);
    assert.equal(request._source, false);
  });
});

describe('the order of products', () => {
  it('is by revenue, then by the bytes of the SKU and of the currency', () => {
    const product = (sku: string, currency: string, revenueCents: number) => ({
      ...{ sku, currency, revenueCents },
      ...{ name: sku, quantity: 1 },
    });
    const expected = [
      product('z', 'EUR', 2),
      product('a', 'EUR', 1),
      product('a', 'GBP', 1),
      product('\uff5e', 'EUR', 1),
      product('\u{1f3ee}', 'EUR', 1),
    ];
    assert.deepEqual(expected.toReversed().sort(compareProducts), expected);
  });
});
