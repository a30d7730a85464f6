import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { OrderDocument } from '../../../src/order/document.ts';
import { foldStored } from '../../../src/order/fold.ts';
import { documentOf } from '../../../src/order/flatten.ts';
import { deliveriesOf, orderHistory } from '../../support/event-arbitraries.ts';
import { compareDocuments, expectedDocuments, type CloudEventJson } from '../../support/oracle.ts';
import { deliver, emptyProjection } from './in-memory-projection.ts';
import { foldOf, offer, parsed, PROJECTED_AT, storedDocumentOf } from './parsed-events.ts';
import { cloudEvent, hour, PLACED, PLACED_V1, SNAPSHOT } from './sample-events.ts';

type Told = readonly [type: string, data?: unknown];

/** The history of these events, from sequence 1. */
function history(...events: Told[]): CloudEventJson[] {
  return events.map(([type, data], index) => cloudEvent(index + 1, type, data));
}

/** The document after these events, in which the oracle concurs. */
function documentAfter(...events: Told[]): OrderDocument {
  const raw = history(...events);
  const document = storedDocumentOf(foldOf(parsed(raw)));
  assert.deepEqual(compareDocuments(expectedDocuments(raw).get('o-1')!, document), []);
  return document;
}

/** Only these fields of a document. */
function only(document: OrderDocument, ...fields: (keyof OrderDocument)[]): Partial<OrderDocument> {
  return Object.fromEntries(fields.filter((field) => field in document).map((field) => [field, document[field]]));
}

const PLACE: Told = ['order.placed.v2', PLACED];
const pay = (amountCents: number, method?: string): Told => [
  'order.payment_captured.v1',
  { amountCents, ...(method === undefined ? {} : { method }) },
];
const refund = (refundId: string, amountCents: number): Told => ['order.refunded.v1', { refundId, amountCents }];
const correct = (patch: unknown): Told => ['order.corrected.v1', { patch, reason: 'asked for' }];

describe('the fold', () => {
  describe('when an order is placed', () => {
    it('sets everything, flattened', () => {
      const { events, search, eventsDigest, ...fields } = documentAfter(PLACE);
      assert.match(eventsDigest ?? '', /^[\w-]{22}$/);
      assert.deepEqual(fields, {
        orderId: 'o-1',
        status: 'placed',
        customerId: 'c-7',
        customerName: 'Zoë Ångström',
        customerEmail: 'zoe@example.org',
        sellerId: 's-9',
        skus: ['sku-1', 'sku-2'],
        itemNames: ['Paper lantern', 'Candle'],
        items: PLACED.items,
        tags: ['gift', 'vip'],
        currency: 'EUR',
        totalCents: 3000,
        paidCents: 0,
        refundedCents: 0,
        netCents: 0,
        payments: [],
        refunds: [],
        placedAt: hour(1),
        updatedAt: hour(1),
        version: 1,
        projectedAt: PROJECTED_AT,
      });
      assert.equal(events.length, 1);
      assert.deepEqual(search, {
        all: 'o 1 | | | c 7 | | | sku 1 | | | sku 2 | | | gift | | | vip',
        items: 'paper lantern | | | candle',
        customer: 'zoe angstrom | | | zoe aangstroem',
        exact: ['o-1', 'c-7', 's-9', 'sku-1', 'sku-2'],
      });
    });

    it('upcasts version 1, whose total is the sum of its lines', () => {
      const document = documentAfter(['order.placed.v1', PLACED_V1]);
      assert.equal(document.totalCents, 2521);
      assert.deepEqual(
        document.items?.map(({ quantity, unitPriceCents }) => [quantity, unitPriceCents]),
        [
          [2, 1250],
          [3, 7],
        ],
      );
      assert.deepEqual(document.tags, []);
      assert.equal('customerEmail' in document, false);
      assert.equal(document.events[0]?.type, 'order.placed.v1');
    });

    it('takes no notice of a second placed, its version and time aside', () => {
      const other = { ...PLACED, sellerId: 'other', totalCents: 1 };
      const { version, updatedAt, ...again } = documentAfter(PLACE, ['order.placed.v2', other]);
      const first = documentAfter(PLACE);
      assert.deepEqual([version, updatedAt], [2, hour(2)]);
      assert.deepEqual(again, { ...again, ...only(first, 'status', 'sellerId', 'totalCents', 'placedAt', 'items') });
    });
  });

  describe('when nothing was placed yet', () => {
    it('is incomplete and hides whatever else is known', () => {
      const {
        events,
        eventsDigest: _,
        ...fields
      } = documentAfter(pay(100), refund('r-1', 50), ['order.tagged.v1', { add: ['x'], remove: [] }]);
      const expected = {
        orderId: 'o-1',
        status: 'incomplete',
        version: 3,
        updatedAt: hour(3),
        projectedAt: PROJECTED_AT,
      };
      assert.deepEqual(fields, expected);
      assert.equal(events.length, 3);
    });

    it('lets events before the first placed be without effect for ever', () => {
      const document = documentAfter(pay(100), refund('r-1', 50), PLACE, refund('r-1', 70));
      assert.deepEqual(only(document, 'paidCents', 'refundedCents', 'placedAt', 'version'), {
        paidCents: 0,
        refundedCents: 70,
        placedAt: hour(3),
        version: 4,
      });
      assert.equal('paidAt' in document, false);
    });

    it('is made complete by a snapshot', () => {
      assert.equal(documentAfter(pay(100), ['order.snapshot.v1', SNAPSHOT]).status, 'shipped');
    });
  });

  describe('when payments are captured', () => {
    it('adds them up and keeps the instant of the first', () => {
      const document = documentAfter(PLACE, pay(2000, 'card'), pay(500));
      assert.deepEqual(only(document, 'status', 'paidCents', 'netCents', 'paidAt', 'payments'), {
        status: 'paid',
        paidCents: 2500,
        netCents: 2500,
        paidAt: hour(2),
        payments: [
          { at: hour(2), amountCents: 2000, method: 'card' },
          { at: hour(3), amountCents: 500 },
        ],
      });
    });

    it('counts a capture of nothing as a capture', () => {
      assert.deepEqual(only(documentAfter(PLACE, pay(0)), 'status', 'paidCents', 'paidAt'), {
        status: 'paid',
        paidCents: 0,
        paidAt: hour(2),
      });
    });

    it('takes OrderPaid for the same', () => {
      const document = documentAfter(PLACE, ['OrderPaid', { amountCents: 5 }]);
      assert.equal(document.paidCents, 5);
      assert.equal(document.events[1]?.type, 'order.payment_captured.v1');
    });
  });

  describe('when it is shipped, delivered, cancelled', () => {
    for (const [word, field] of [
      ['shipped', 'shippedAt'],
      ['delivered', 'deliveredAt'],
      ['cancelled', 'cancelledAt'],
    ] as const) {
      it(`is ${word}, at the last one's instant`, () => {
        const document = documentAfter(PLACE, [`order.${word}.v1`], pay(1), [`order.${word}.v1`]);
        assert.deepEqual(only(document, 'status', field), { status: word, [field]: hour(4) });
      });
    }
  });

  describe('when it is refunded', () => {
    it('keeps its status while less than what was paid is refunded', () => {
      const document = documentAfter(PLACE, pay(1000), ['order.shipped.v1'], refund('r-1', 999));
      assert.deepEqual(only(document, 'status', 'refundedCents', 'netCents', 'refunds'), {
        status: 'shipped',
        refundedCents: 999,
        netCents: 1,
        refunds: [{ refundId: 'r-1', at: hour(4), amountCents: 999 }],
      });
    });

    it('is refunded once as much is refunded as was paid', () => {
      assert.equal(documentAfter(PLACE, pay(1000), refund('r-1', 400), refund('r-2', 600)).status, 'refunded');
    });

    it('may have more refunded than was paid', () => {
      const document = documentAfter(PLACE, pay(1000), refund('r-1', 1500));
      assert.deepEqual(only(document, 'status', 'netCents'), { status: 'refunded', netCents: -500 });
    });

    it('counts once per refund id, whatever the repeat says', () => {
      const document = documentAfter(PLACE, pay(1000), refund('r-1', 10), refund('r-1', 990));
      assert.deepEqual(only(document, 'status', 'refundedCents', 'version', 'updatedAt'), {
        status: 'paid',
        refundedCents: 10,
        version: 4,
        updatedAt: hour(4),
      });
    });
  });

  describe('when it is tagged', () => {
    it('removes, then adds; tags stay distinct and in order', () => {
      const document = documentAfter(PLACE, [
        'order.tagged.v1',
        { add: ['new', 'gift', 'new'], remove: ['gift', 'absent'] },
      ]);
      assert.deepEqual(document.tags, ['vip', 'new', 'gift']);
    });
  });

  describe('when it is corrected', () => {
    it('patches the placed data by RFC 7396', () => {
      const items = [{ sku: 'sku-3', name: 'Torch', quantity: 1, unitPriceCents: 1 }];
      const document = documentAfter(
        PLACE,
        correct({ customer: { name: 'Zoé', email: null }, items, tags: ['a', 'a'] }),
      );
      assert.deepEqual(
        only(document, 'customerId', 'customerName', 'customerEmail', 'items', 'skus', 'itemNames', 'tags'),
        {
          customerId: 'c-7',
          customerName: 'Zoé',
          items,
          skus: ['sku-3'],
          itemNames: ['Torch'],
          tags: ['a'],
        },
      );
      assert.equal(document.search?.items, 'torch');
      assert.doesNotMatch(document.search.all, /sku 1/);
    });

    it('changes the total only if that is patched', () => {
      const items = [{ sku: 'sku-3', name: 'Torch', quantity: 1, unitPriceCents: 1 }];
      assert.equal(documentAfter(PLACE, correct({ items })).totalCents, 3000);
      assert.equal(documentAfter(PLACE, correct({ items, totalCents: 1 })).totalCents, 1);
    });

    it('leaves status, money and instants alone', () => {
      const before = documentAfter(PLACE, pay(1000), refund('r-1', 10));
      const after = documentAfter(PLACE, pay(1000), refund('r-1', 10), correct({ sellerId: 's-10', currency: 'USD' }));
      const fields = ['status', 'paidCents', 'refundedCents', 'payments', 'refunds', 'placedAt', 'paidAt'] as const;
      assert.deepEqual(only(after, ...fields), only(before, ...fields));
      assert.deepEqual([after.sellerId, after.currency], ['s-10', 'USD']);
    });

    it('patches what was upcast from version 1', () => {
      const document = documentAfter(['order.placed.v1', PLACED_V1], correct({ customer: { email: 'z@example.org' } }));
      assert.deepEqual([document.customerEmail, document.totalCents], ['z@example.org', 2521]);
    });
  });

  describe('when a snapshot comes', () => {
    it('replaces the state and the stored events', () => {
      const document = documentAfter(PLACE, pay(7), correct({ sellerId: 'gone' }), ['order.snapshot.v1', SNAPSHOT]);
      assert.deepEqual(
        only(document, 'status', 'paidCents', 'refundedCents', 'payments', 'refunds', 'paidAt', 'sellerId'),
        {
          status: 'shipped',
          paidCents: 3000,
          refundedCents: 500,
          payments: SNAPSHOT.payments,
          refunds: SNAPSHOT.refunds,
          paidAt: SNAPSHOT.paidAt,
          sellerId: 's-9',
        },
      );
      assert.deepEqual(
        document.events.map(({ sequence }) => sequence),
        [4],
      );
    });

    it("has its own time for updatedAt, whatever was before: its version's content does not depend on that", () => {
      const late = cloudEvent(2, 'order.shipped.v1', {}, { time: hour(100) });
      const events = parsed([cloudEvent(1, ...PLACE), late, cloudEvent(3, 'order.snapshot.v1', SNAPSHOT)]);
      assert.equal(foldOf(events).updatedAt, hour(3));
      assert.deepEqual(storedDocumentOf(foldOf(events)), storedDocumentOf(foldOf(events.slice(2))));
    });

    it('puts sums without lists on the first capture and on its own time', () => {
      const { payments: _payments, refunds: _refunds, ...sums } = SNAPSHOT;
      const document = documentAfter(['order.snapshot.v1', sums]);
      assert.deepEqual(document.payments, [{ at: SNAPSHOT.paidAt, amountCents: 3000 }]);
      assert.deepEqual(
        document.refunds?.map(({ at, amountCents }) => [at, amountCents]),
        [[hour(1), 500]],
      );
    });

    it('counts no refund again that it told of', () => {
      assert.equal(documentAfter(['order.snapshot.v1', SNAPSHOT], refund('r-1', 500)).refundedCents, 500);
      assert.equal(documentAfter(['order.snapshot.v1', SNAPSHOT], refund('r-2', 500)).refundedCents, 1000);
    });
  });

  describe('when an event has no effect', () => {
    for (const type of [
      'order.skipped.v1',
      'order.exploded.v1',
      'order.placed.v3',
      'order.snapshot.v2',
      'order.erased.v2',
    ]) {
      it(`stores ${type} and lets it take its place`, () => {
        const document = documentAfter(PLACE, [type]);
        assert.deepEqual([document.status, document.version, document.events[1]?.type], ['placed', 2, type]);
      });
    }
  });

  describe('when events are older than those before them', () => {
    it('goes by sequence, and updatedAt by the newest time', () => {
      const raw = [cloudEvent(1, ...PLACE), cloudEvent(2, 'order.shipped.v1', {}, { time: '2001-01-01T00:00:00Z' })];
      const document = storedDocumentOf(foldOf(parsed(raw)));
      assert.deepEqual(
        [document.status, document.shippedAt, document.updatedAt],
        ['shipped', '2001-01-01T00:00:00.000Z', hour(1)],
      );
    });
  });
});

describe('erasure', () => {
  const told: Told[] = [
    PLACE,
    pay(5),
    ['order.erased.v1', { reason: 'Zoë asked' }],
    ['order.shipped.v1', { carrier: 'Zoë' }],
    correct({ sellerId: 'x' }),
  ];

  it('leaves a tombstone, and later events advance nothing but the version', () => {
    const { events, eventsDigest: _, ...fields } = documentAfter(...told);
    assert.deepEqual(fields, {
      orderId: 'o-1',
      status: 'erased',
      erasedAt: hour(3),
      version: 5,
      updatedAt: hour(3),
      projectedAt: PROJECTED_AT,
      aggregateKeys: ['2011-01-01|EUR|s-9'],
    });
    assert.deepEqual(
      events.map(({ sequence, data }) => [sequence, data]),
      [
        [3, {}],
        [5, {}],
      ],
    );
  });

  it('is final: nothing brings the order back, not even a snapshot or another placed', () => {
    assert.equal(documentAfter(...told, ['order.snapshot.v1', SNAPSHOT], PLACE).status, 'erased');
  });

  it('has the same content where a second erasure came over the hole that hid the first', () => {
    const events = parsed(history(PLACE, ['order.erased.v1'], ['order.shipped.v1'], ['order.erased.v1']));
    const [first, , , last] = events;
    assert.deepEqual(storedDocumentOf(foldOf([first!, last!])), storedDocumentOf(foldOf(events)));
  });

  it('says the same tombstone again when its own events are folded, whichever of the later ones was the newest', () => {
    const raw = [
      ...history(PLACE, ['order.erased.v1']),
      cloudEvent(3, 'order.shipped.v1', {}, { time: hour(50) }),
      cloudEvent(4, 'order.delivered.v1'),
    ];
    const state = foldOf(parsed(raw));
    assert.deepEqual(foldStored('o-1', state.events), state);
  });

  it('leaves no personal data anywhere in the document', () => {
    fc.assert(
      fc.property(personalHistory(), ({ batches }) => {
        const projection = emptyProjection();
        for (const batch of batches) deliver(projection, batch, { maxEvents: 4, maxBytes: 2_000 }, () => undefined);
        assert.equal(projection.document?.status, 'erased');
        assert.doesNotMatch(JSON.stringify(projection.document), /secret|geheim/i);
      }),
      { numRuns: 300 },
    );
  });
});

/** A history with at least one erasure in which every text that a producer chose says "secret". */
function personalHistory() {
  return orderHistory({ minLength: 2, maxLength: 10 })
    .map((raw) => {
      const last = cloudEvent(raw.length + 1, 'order.erased.v1', { reason: 'secret' });
      const tail = ['order.tagged.v1', 'order.exploded.v1', 'order.placed.v2'].map((type, index) =>
        cloudEvent(raw.length + 2 + index, type, { ...PLACED, add: ['secret'], remove: [] }),
      );
      return [...raw, last, ...tail].map((event) => ({ ...event, data: secretive(event['data']) }));
    })
    .chain((raw) => deliveriesOf(parsed(raw)).map((batches) => ({ batches })));
}

const CHOSEN = new Set(['name', 'customerName', 'email', 'reason', 'method', 'carrier', 'trackingNumber', 'note']);

function secretive(value: unknown, key = ''): unknown {
  if (typeof value === 'string' && CHOSEN.has(key)) return `secret ${value}`.slice(0, 200);
  if (typeof value === 'string' && ['id', 'customerId', 'sku'].includes(key)) return 'geheim';
  if (Array.isArray(value)) return value.map((member) => secretive(member, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, secretive(inner, field)]));
}

describe('a document', () => {
  it('differs from another of the same state in projectedAt alone', () => {
    const state = foldOf(parsed(history(PLACE, pay(1))));
    assert.deepEqual(documentOf(state, 'a'), { ...documentOf(state, 'b'), projectedAt: 'a' });
  });

  it('does not change when more is folded onto its state', () => {
    const events = parsed(history(PLACE, pay(1), ['order.tagged.v1', { add: ['x'], remove: [] }]));
    const state = foldOf(events.slice(0, 1));
    const before = JSON.stringify(state);
    offer(state, events.slice(1));
    assert.equal(JSON.stringify(state), before);
  });
});

describe('compaction', () => {
  it('keeps a summary under the identity of its last event, and the newest events', () => {
    const raw = history(PLACE, pay(1), pay(2), pay(3), pay(4));
    const state = foldOf(parsed(raw), { maxEvents: 4, maxBytes: 100_000 });
    assert.deepEqual(
      state.events.map(({ id, type }) => [id, type]),
      [
        ['e-3', 'order.snapshot.v1'],
        ['e-4', 'order.payment_captured.v1'],
        ['e-5', 'order.payment_captured.v1'],
      ],
    );
  });

  it('happens by size as well', () => {
    const raw = history(PLACE, ...Array.from({ length: 20 }, () => pay(1, 'x'.repeat(200))));
    const state = foldOf(parsed(raw), { maxEvents: 1_000, maxBytes: 4_000 });
    assert(state.events.length < 12);
    assert.equal(state.facts?.payments.length, 20);
  });

  it('begins beyond 1,000 events by default', () => {
    const raw = (length: number) => history(PLACE, ...Array.from({ length: length - 1 }, () => pay(1)));
    assert.equal(foldOf(parsed(raw(1_000))).events.length, 1_000);
    assert.equal(foldOf(parsed(raw(1_001))).events.length, 501);
  });
});
