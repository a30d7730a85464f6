import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  compareProperties,
  driftOf,
  hashMapping,
  readDefinition,
} from '../../../../src/order-index/elasticsearch/mapping.ts';
import type { Properties } from '../../../../src/order-index/elasticsearch/mapping.ts';
import { IndexConfigurationError } from '../../../../src/order-index/port.ts';
import type { OrderDocument, SearchFields } from '../../../../src/order/document.ts';

/** TypeScript holds it to every field that a document may have. */
const FULL: Required<OrderDocument> & { readonly search: Required<SearchFields> } = {
  orderId: 'O-1',
  status: 'refunded',
  customerId: 'C-1',
  customerName: 'José',
  customerEmail: 'jose@example.org',
  sellerId: 'S-1',
  skus: ['A'],
  itemNames: ['Lantern'],
  items: [{ sku: 'A', name: 'Lantern', quantity: 1, unitPriceCents: 100 }],
  tags: ['gift'],
  currency: 'EUR',
  totalCents: 100,
  paidCents: 100,
  refundedCents: 100,
  netCents: 0,
  payments: [{ at: '2026-03-01T10:00:00.000Z', amountCents: 100, method: 'card' }],
  refunds: [{ refundId: 'R-1', at: '2026-03-02T10:00:00.000Z', amountCents: 100 }],
  placedAt: '2026-03-01T10:00:00.000Z',
  paidAt: '2026-03-01T10:00:00.000Z',
  shippedAt: '2026-03-01T10:00:00.000Z',
  deliveredAt: '2026-03-01T10:00:00.000Z',
  cancelledAt: '2026-03-01T10:00:00.000Z',
  erasedAt: '2026-03-01T10:00:00.000Z',
  updatedAt: '2026-03-01T10:00:00.000Z',
  version: 1,
  projectedAt: '2026-03-01T10:00:00.000Z',
  eventsDigest: 'E-1 /shop',
  aggregateKeys: ['2026-03-01|EUR|S-1'],
  contributions: [
    {
      ...{ key: '2026-03-01|EUR|S-1', day: '2026-03-01', currency: 'EUR', sellerId: 'S-1' },
      ...{ orders: 1, revenueCents: 100, refundedCents: 0, refundCount: 0 },
    },
  ],
  sales: [{ key: '2026-03-01|EUR|S-1', sku: 'A', name: 'Lantern', quantity: 1, revenueCents: 100 }],
  search: {
    ...{ all: 'o 1', items: 'lantern', customer: 'jose', exact: ['o-1'] },
    ...{ foldedSkus: ['e-100'], foldedOrderId: 'o-1' },
  },
  events: [],
};

const orders = readDefinition('orders');

describe('the mapping of the orders', () => {
  const { dynamic, properties } = orders.mappings;
  const field = (name: string) =>
    properties[name] as { readonly type?: string; readonly enabled?: boolean; readonly properties?: Properties };

  it('has the fields that a document may have, and no others', () => {
    assert.deepEqual(Object.keys(properties).sort(), Object.keys(FULL).sort());
    for (const [name, [first = {}]] of Object.entries({
      search: [FULL.search],
      contributions: FULL.contributions,
      sales: FULL.sales,
    })) {
      assert.deepEqual(Object.keys(field(name).properties ?? {}).sort(), Object.keys(first).sort(), name);
    }
  });

  it('takes fields that it does not know, without looking at them', () => {
    for (const name of ['orders', 'parked', 'dead-letters', 'control'] as const) {
      assert.equal(readDefinition(name).mappings.dynamic, 'false');
    }
    assert.equal(dynamic, 'false');
  });

  it('stores lists of objects without looking into them', () => {
    for (const name of ['items', 'payments', 'refunds', 'events']) {
      assert.deepEqual(field(name), { type: 'object', enabled: false });
    }
  });

  it('counts money as long', () => {
    const money = Object.keys(properties).filter((name) => name.endsWith('Cents'));
    assert.equal(money.length, 4);
    for (const name of money) assert.equal(field(name).type, 'long');
  });

  it('reads every instant as a date', () => {
    const instants = Object.keys(properties).filter((name) => name.endsWith('At'));
    assert.equal(instants.length, 8);
    for (const name of instants) assert.equal(field(name).type, 'date');
  });
});

describe('two mappings', () => {
  const wanted: Properties = {
    a: { type: 'keyword', ignore_above: 10 },
    b: { properties: { c: { type: 'long' }, d: { type: 'text', norms: false } } },
  };

  it('are the same in whatever order they are written', () => {
    const other: Properties = {
      b: { properties: { d: { norms: false, type: 'text' }, c: { type: 'long' } } },
      a: { ignore_above: 10, type: 'keyword' },
      more: { type: 'date' },
    };
    assert.deepEqual(compareProperties(wanted, other), { missing: {}, missingPaths: [], changedPaths: [] });
    const definition = (properties: Properties) =>
      ({ settings: {}, mappings: { dynamic: 'false', properties } }) as const;
    const { more: _, ...same } = other;
    assert.equal(hashMapping(definition(wanted)), hashMapping(definition(same)));
    assert.notEqual(hashMapping(definition(wanted)), hashMapping(definition(other)));
  });

  it('differ by what is missing, as a mapping of its own, and by what is otherwise', () => {
    const actual: Properties = { b: { properties: { d: { type: 'text' } } } };
    assert.deepEqual(compareProperties(wanted, actual), {
      missing: { a: { type: 'keyword', ignore_above: 10 }, b: { properties: { c: { type: 'long' } } } },
      missingPaths: ['a', 'b.c'],
      changedPaths: ['b.d'],
    });
  });
});

describe('the drift of the live generation', () => {
  const meta = { mappingHash: hashMapping(orders), foldVersion: 3 };
  const code = { definition: orders, foldVersion: 3 };
  const { properties } = orders.mappings;
  const { status: _, ...withoutStatus } = properties;

  for (const [name, live, mapping, reason] of [
    ['the same mapping and fold', { properties, meta }, 'current', undefined],
    [
      'an older fold',
      { properties, meta: { ...meta, foldVersion: 2 } },
      'rebuild needed',
      /version 2, the code's is 3/,
    ],
    ['no meta at all', { properties, meta: {} }, 'rebuild needed', /version 0/],
    [
      'a field mapped otherwise',
      { properties: { ...properties, status: { type: 'text' } }, meta },
      'rebuild needed',
      /status/,
    ],
    ['a field that is not there yet', { properties: withoutStatus, meta }, 'additive', /not there yet: status/],
    ['fields added since', { properties, meta: { ...meta, mappingHash: 'older' } }, 'additive', /since it was built/],
  ] as const) {
    it(`${name} → ${mapping}`, () => {
      const drift = driftOf(code, { analysis: {}, ...live });
      assert.equal(drift.mapping, mapping);
      if (reason) assert.match(drift.reason ?? '', reason);
      else assert.equal(drift.reason, undefined);
    });
  }
});

describe('a file of mappings/ with a slip in it', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-mappings-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const [slip, content, told] of [
    ['is not there', undefined, /^mappings\/orders\.json cannot be read: ENOENT/],
    ['is no JSON', '{"settings": {} "mappings": {}}', /^mappings\/orders\.json cannot be read: .*position 16/],
    ['is no object', 'null', /^mappings\/orders\.json: settings must be an object$/],
    ['lacks its settings', '{"mappings": {"properties": {}}}', /^mappings\/orders\.json: settings must be an object$/],
    ['has no fields', '{"settings": {}, "mappings": {"properties": []}}', /mappings\.properties must be an object/],
  ] as const) {
    it(`is named where it ${slip}`, () => {
      if (content !== undefined) writeFileSync(join(folder, 'orders.json'), content);
      assert.throws(
        () => readDefinition('orders', pathToFileURL(`${folder}/`)),
        (error) => error instanceof IndexConfigurationError && told.test(error.message),
      );
    });
  }
});
