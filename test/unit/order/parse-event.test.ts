import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { fieldPath, parseEvent, type ParsedEvent } from '../../../src/order/parse-event.ts';
import { orderHistory } from '../../support/event-arbitraries.ts';
import { altered, pathsOf } from './altered.ts';
import { MAX_MESSAGE_BYTES, parseJson } from './parsed-events.ts';
import { cloudEvent, hour, PLACED, PLACED_V1, SNAPSHOT } from './sample-events.ts';

const LIMITS = { maxMessageBytes: MAX_MESSAGE_BYTES };
const HINTS = { orderId: 'o-1', sequence: 4, eventId: 'e-4' };

function accepted(value: unknown) {
  const result = parseJson(value);
  assert(result.kind === 'event', JSON.stringify(result));
  return result;
}

function refused(result: ParsedEvent) {
  assert(result.kind === 'refused', 'it was accepted');
  return result;
}

/** Reason and path of what must be refused. */
function whyNot(value: unknown): [string, string] {
  const { refusal } = refused(parseJson(value));
  assert.notEqual(refusal.message, '');
  return [refusal.reason, refusal.path];
}

function keysOf(path: string): (string | number)[] {
  return path
    .split(/[.[\]]+/)
    .filter((key) => key !== '')
    .map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}

const REFUND = { refundId: 'r-1', amountCents: 5, reason: 'broken', items: [{ sku: 'sku-1', quantity: 1 }] };
const TAGGED = { add: ['a'], remove: ['b'] };
const CORRECTED = {
  patch: { customer: { name: 'X', email: null }, items: [PLACED.items[0]], totalCents: 0, tags: [] },
  reason: 'asked for',
};

const DOCUMENTED: [type: string, data: unknown][] = [
  ['order.placed.v2', PLACED],
  ['order.placed.v1', PLACED_V1],
  ['order.payment_captured.v1', { amountCents: 5, method: 'card' }],
  ['order.payment_captured.v1', { amountCents: 0 }],
  ['order.shipped.v1', { carrier: 'DHL', trackingNumber: '00340' }],
  ['order.shipped.v1', {}],
  ['order.delivered.v1', {}],
  ['order.cancelled.v1', { reason: 'too late' }],
  ['order.cancelled.v1', {}],
  ['order.refunded.v1', REFUND],
  ['order.refunded.v1', { refundId: 'r-1', amountCents: 0 }],
  ['order.tagged.v1', TAGGED],
  ['order.corrected.v1', CORRECTED],
  ['order.corrected.v1', { patch: {}, reason: '' }],
  ['order.erased.v1', { reason: 'asked for' }],
  ['order.snapshot.v1', SNAPSHOT],
  ['order.skipped.v1', {}],
  ['order.unheard_of.v1', { any: ['thing', 1, null, { deep: true }] }],
  ['order.placed.v3', { total: '12' }],
];

describe('parseEvent', () => {
  describe('when an event has its documented form', () => {
    for (const [type, data] of DOCUMENTED) {
      it(`takes ${type} with ${Object.keys(data as object).join(', ') || 'no data'}`, () => {
        const { kind, orderId, event } = accepted(cloudEvent(3, type, data));
        assert.deepEqual(
          { kind, orderId, event },
          {
            kind: 'event',
            orderId: 'o-1',
            event: { id: 'e-3', source: '/order-service', type, time: hour(3), sequence: 3, data },
          },
        );
      });
    }

    it('takes OrderPaid for order.payment_captured.v1', () => {
      assert.equal(accepted(cloudEvent(1, 'OrderPaid', { amountCents: 1 })).event.type, 'order.payment_captured.v1');
    });

    for (const data of [undefined, null]) {
      it(`takes data that is ${data === null ? 'null' : 'absent'} for {}`, () => {
        assert.deepEqual(accepted(cloudEvent(1, 'order.delivered.v1', data)).event.data, {});
        assert.deepEqual(accepted(cloudEvent(1, 'order.unheard_of.v1', data)).event.data, {});
      });
    }

    it('takes an optional field that is null for absent', () => {
      const customer = { ...PLACED.customer, email: null };
      const { data } = accepted(cloudEvent(1, 'order.placed.v2', { ...PLACED, customer })).event;
      assert.deepEqual(data, { ...PLACED, customer: { id: 'c-7', name: 'Zoë Ångström' } });
    });

    it('keeps the null that removes a field in a patch', () => {
      const { data } = accepted(cloudEvent(1, 'order.corrected.v1', CORRECTED)).event;
      assert.deepEqual(data, CORRECTED);
    });

    it('normalises the instants of a snapshot', () => {
      const data = { ...SNAPSHOT, placedAt: '2010-12-01T10:00:00+02:00' };
      assert.deepEqual(accepted(cloudEvent(1, 'order.snapshot.v1', data)).event.data, SNAPSHOT);
    });

    it('takes a snapshot without its lists', () => {
      const { payments: _payments, refunds: _refunds, ...sums } = SNAPSHOT;
      assert.deepEqual(accepted(cloudEvent(1, 'order.snapshot.v1', sums)).event.data, sums);
    });
  });

  describe('when there is more than the contract knows', () => {
    it('keeps unknown attributes and data fields out, at every depth', () => {
      const more = {
        ...PLACED,
        vat: 1,
        customer: { ...PLACED.customer, phone: '1' },
        items: [{ ...PLACED.items[0], colour: 'red' }],
      };
      const { event } = accepted(
        cloudEvent(1, 'order.placed.v2', more, { dataschema: 'x', shoesize: 44, data_base64: '' }),
      );
      assert.deepEqual(event, {
        ...{ id: 'e-1', source: '/order-service', type: 'order.placed.v2', time: hour(1), sequence: 1 },
        data: { ...PLACED, items: [PLACED.items[0]] },
      });
    });

    it('keeps unknown fields out of a patch', () => {
      const { data } = accepted(
        cloudEvent(1, 'order.corrected.v1', { patch: { status: 'paid', tags: [] }, reason: 'r' }),
      ).event;
      assert.deepEqual(data, { patch: { tags: [] }, reason: 'r' });
    });

    it('keeps the trace context beside the event', () => {
      const trace = { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=b' };
      const result = accepted(cloudEvent(1, 'order.delivered.v1', {}, trace));
      assert.deepEqual(result.trace, trace);
      assert.equal('traceparent' in result.event, false);
    });

    for (const traceparent of ['', 'x', 5, null, '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01']) {
      it(`ignores ${JSON.stringify(traceparent)} as a trace context`, () => {
        assert.equal('trace' in accepted(cloudEvent(1, 'order.delivered.v1', {}, { traceparent })), false);
      });
    }

    it('takes __proto__ keys for nothing but unknown fields', () => {
      const body = JSON.stringify(cloudEvent(1, 'order.placed.v2', PLACED)).replace(
        '"customer":{',
        '"__proto__":{"polluted":true},"customer":{"__proto__":{"polluted":true},',
      );
      const result = parseEvent(Buffer.from(body), LIMITS);
      assert(result.kind === 'event');
      assert.deepEqual(result.event.data, PLACED);
      assert.equal(({} as { polluted?: boolean }).polluted, undefined);
    });

    it('does not take attributes from a __proto__ key', () => {
      const body = `{"__proto__":${JSON.stringify(cloudEvent(1, 'order.delivered.v1'))}}`;
      assert.equal(refused(parseEvent(Buffer.from(body), LIMITS)).refusal.path, 'specversion');
    });
  });

  describe('when an attribute breaks the table', () => {
    const breaches: [attribute: string, value: unknown][] = [
      ...['1.1', 1, '', null, undefined].map((value): [string, unknown] => ['specversion', value]),
      ...['', 'x'.repeat(257), 5, null, undefined].map((value): [string, unknown] => ['id', value]),
      ...['', 'a b', '/a%zz', '/%', '%4', 'a%%41', ':a', '1a:b', 'a/[b', 'http://[::1', 5, null, undefined].map(
        (value): [string, unknown] => ['source', value],
      ),
      ...['invoice.sent.v1', 'order.', 'order', 'orders.placed.v1', 'OrderShipped', 'orderpaid', '', 7, undefined].map(
        (value): [string, unknown] => ['type', value],
      ),
      ...['', 'x'.repeat(513), `${'ä'.repeat(256)}x`, 5, null, undefined].map((value): [string, unknown] => [
        'subject',
        value,
      ]),
      ...[
        0,
        -1,
        1.5,
        2 ** 53,
        '0',
        '01',
        '-1',
        '+1',
        '1.0',
        '1e3',
        ' 1',
        '',
        'NaN',
        '9007199254740992',
        true,
        [1],
        null,
        undefined,
      ].map((value): [string, unknown] => ['sequence', value]),
      ...[
        ...[
          '2011-01-01',
          '2011-01-01T10:00:00',
          '2011-01-01 10:00:00Z',
          '2011-02-29T10:00:00Z',
          '2012-02-30T10:00:00Z',
        ],
        ...['2016-12-31T23:59:60Z', '2011-01-01T24:00:00Z', '2011-01-01T10:60:00Z', '2011-13-01T10:00:00Z'],
        ...['2011-00-01T10:00:00Z', '2011-01-01T10:00:00+24:00', '2011-1-1T10:00:00Z', '+012011-01-01T10:00:00Z'],
        ...['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01', 'yesterday', '', 0, null],
        undefined,
      ].map((value): [string, unknown] => ['time', value]),
      ...['o-2', '', 5, {}].map((value): [string, unknown] => ['partitionkey', value]),
    ];
    for (const [attribute, value] of breaches) {
      it(`refuses ${attribute} ${JSON.stringify(value)?.slice(0, 40) ?? 'absent'}`, () => {
        const event = { ...cloudEvent(1, 'order.placed.v2', PLACED), [attribute]: value };
        assert.deepEqual(whyNot(event), ['invalid', attribute]);
      });
    }

    const edges: [attribute: string, value: unknown, read: unknown][] = [
      ['id', 'x'.repeat(256), 'x'.repeat(256)],
      ['id', '🏮'.repeat(256), '🏮'.repeat(256)],
      ['source', 'urn:example:orders', 'urn:example:orders'],
      ...['shop', '/a:b', 'a/b:c', '?a:b', '//shop', 'http://[::1]:80/a', 'x'].map(
        (source): [string, unknown, unknown] => ['source', source, source],
      ),
      ['source', '%41/a%2Fb%c3%A4', '%41/a%2Fb%c3%A4'],
      ['sequence', '1', 1],
      ['sequence', '9007199254740991', Number.MAX_SAFE_INTEGER],
      ['sequence', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
      ['time', '2012-02-29T10:00:00Z', '2012-02-29T10:00:00.000Z'],
      ['time', '2011-01-01t10:00:00.123999z', '2011-01-01T10:00:00.123Z'],
    ];
    for (const [attribute, value, read] of edges) {
      it(`takes ${attribute} ${JSON.stringify(value).slice(0, 40)}`, () => {
        const { event } = accepted({ ...cloudEvent(1, 'order.placed.v2', PLACED), [attribute]: value });
        assert.equal(event[attribute as 'id'], read);
      });
    }

    it('takes an order id of 512 bytes, and a partition key that equals it', () => {
      const subject = 'ä'.repeat(256);
      const event = cloudEvent(1, 'order.placed.v2', PLACED, { subject, partitionkey: subject });
      assert.equal(accepted(event).orderId, subject);
    });
  });

  describe('when data breaks the table', () => {
    const LONG_ID = 'x'.repeat(257);
    const LONG_NAME = 'x'.repeat(1025);
    const NO_COUNT = [0, -1, 1.5, '1', 2 ** 53, null, undefined];
    const NO_CENTS = [-1, 0.5, '1', 2 ** 53, null, undefined];
    const NO_ID = ['', LONG_ID, 5, null, undefined];
    const NO_NAME = [LONG_NAME, 5, null, undefined];
    const NO_CURRENCY = ['', 'eur', 'EURO', 'ZZZ', '€', 5, null, undefined];
    const NO_INSTANT = ['2016-12-31T23:59:60Z', '2011-02-30T00:00:00Z', 5, ''];

    const tables: [type: string, valid: unknown, breaches: Record<string, readonly unknown[]>][] = [
      [
        'order.placed.v2',
        PLACED,
        {
          'data.customer': ['x', [], null, undefined],
          'data.customer.id': NO_ID,
          'data.customer.name': NO_NAME,
          'data.customer.email': [5, {}],
          'data.sellerId': NO_ID,
          'data.currency': NO_CURRENCY,
          'data.items': [[], Array(501).fill(PLACED.items[0]), {}, null, undefined],
          'data.items[1]': ['x', null],
          'data.items[2].sku': NO_ID,
          'data.items[0].name': NO_NAME,
          'data.items[1].quantity': NO_COUNT,
          'data.items[1].unitPriceCents': NO_CENTS,
          'data.totalCents': NO_CENTS,
          'data.tags': ['gift', {}, null, undefined],
          'data.tags[2]': NO_ID.slice(0, 4),
        },
      ],
      [
        'order.placed.v1',
        PLACED_V1,
        {
          'data.customerId': NO_ID,
          'data.customerName': NO_NAME,
          'data.sellerId': NO_ID,
          'data.currency': [...NO_CURRENCY, 'JPY', 'BHD', 'XAU'],
          'data.lines': [[], Array(501).fill(PLACED_V1.lines[0]), undefined],
          'data.lines[1].sku': NO_ID,
          'data.lines[0].name': NO_NAME,
          'data.lines[1].qty': NO_COUNT,
          'data.lines[0].price': [
            ...['12.505', '-1', '+1', '1,50', '.5', '1.', '1e3', '', ' 1', '1 ', 'NaN', 'Infinity', '0x10', '١'],
            ...[12.5, null, undefined],
          ],
        },
      ],
      [
        'order.payment_captured.v1',
        { amountCents: 1 },
        { 'data.amountCents': NO_CENTS, 'data.method': [5, LONG_NAME] },
      ],
      ['OrderPaid', { amountCents: 1 }, { 'data.amountCents': NO_CENTS }],
      ['order.shipped.v1', {}, { 'data.carrier': [5, LONG_NAME], 'data.trackingNumber': [5, LONG_NAME] }],
      ['order.cancelled.v1', {}, { 'data.reason': [5, {}] }],
      [
        'order.refunded.v1',
        REFUND,
        {
          'data.refundId': NO_ID,
          'data.amountCents': NO_CENTS,
          'data.reason': [5],
          'data.items': ['x', {}],
          'data.items[0].sku': NO_ID,
          'data.items[0].quantity': NO_COUNT,
        },
      ],
      [
        'order.tagged.v1',
        TAGGED,
        { 'data.add': ['x', null, undefined], 'data.remove': ['x', null, undefined], 'data.add[0]': NO_ID.slice(0, 4) },
      ],
      [
        'order.corrected.v1',
        CORRECTED,
        {
          'data.patch': ['x', [], null, undefined],
          'data.reason': [5, null, undefined],
          'data.patch.customer': ['x', null],
          'data.patch.customer.id': ['', LONG_ID, null],
          'data.patch.customer.name': [LONG_NAME, null],
          'data.patch.sellerId': ['', null],
          'data.patch.currency': ['ZZZ', null],
          'data.patch.items': [[], null, {}],
          'data.patch.items[0].quantity': NO_COUNT,
          'data.patch.totalCents': [-1, null],
          'data.patch.tags': ['x', null],
        },
      ],
      ['order.erased.v1', {}, { 'data.reason': [5] }],
      ['order.skipped.v1', {}, { 'data.reason': [5] }],
      [
        'order.snapshot.v1',
        SNAPSHOT,
        {
          'data.items[0].quantity': NO_COUNT,
          'data.status': ['incomplete', 'erased', 'lost', null, undefined],
          'data.paidCents': [-1, null, undefined],
          'data.refundedCents': [-1, null, undefined],
          'data.placedAt': [...NO_INSTANT, null, undefined],
          'data.paidAt': NO_INSTANT,
          'data.shippedAt': NO_INSTANT,
          'data.deliveredAt': NO_INSTANT,
          'data.cancelledAt': NO_INSTANT,
          'data.payments': [[], [{ at: hour(1), amountCents: 2999 }], {}],
          'data.payments[0].at': [...NO_INSTANT, null, undefined],
          'data.payments[0].amountCents': NO_CENTS,
          'data.refunds': [[], [{ refundId: 'r', at: hour(1), amountCents: 501 }]],
          'data.refunds[0].refundId': NO_ID,
          'data.refunds[0].at': [...NO_INSTANT, undefined],
        },
      ],
    ];
    for (const [type, valid, breaches] of tables) {
      describe(`as ${type}`, () => {
        it('takes what the breaches start from', () =>
          assert.equal(parseJson(cloudEvent(1, type, valid)).kind, 'event'));
        for (const [path, values] of Object.entries(breaches)) {
          it(`refuses ${path} unless it is right, naming it`, () => {
            for (const value of values) {
              const event = altered(cloudEvent(1, type, valid), keysOf(path), value);
              assert.deepEqual(whyNot(event), ['invalid', path], JSON.stringify(value)?.slice(0, 80));
            }
          });
        }
      });
    }

    for (const type of ['order.placed.v2', 'order.delivered.v1', 'order.erased.v1', 'order.skipped.v1']) {
      it(`refuses data of ${type} that is no object`, () => {
        for (const data of ['text', 5, true, []])
          assert.deepEqual(whyNot(cloudEvent(1, type, data)), ['invalid', 'data']);
      });
    }

    it('refuses a version 1 order whose total is beyond 2^53 - 1', () => {
      const line = { sku: 's', name: 'n', qty: 9_000_000_000, price: '99999999999.99' };
      assert.deepEqual(whyNot(cloudEvent(1, 'order.placed.v1', { ...PLACED_V1, lines: [line] })), [
        'invalid',
        'data.lines',
      ]);
    });

    it('counts characters, not code units', () => {
      const customer = { ...PLACED.customer, name: '🏮'.repeat(1024) };
      accepted(cloudEvent(1, 'order.placed.v2', { ...PLACED, customer, tags: ['🏮'.repeat(256)] }));
      assert.deepEqual(whyNot(cloudEvent(1, 'order.placed.v2', { ...PLACED, tags: ['🏮'.repeat(257)] })), [
        'invalid',
        'data.tags[0]',
      ]);
    });

    it('takes 500 items', () => {
      accepted(cloudEvent(1, 'order.placed.v2', { ...PLACED, items: Array(500).fill(PLACED.items[0]) }));
    });

    it('says how much else is wrong', () => {
      const { refusal } = refused(
        parseJson(cloudEvent(1, 'order.placed.v2', { ...PLACED, sellerId: '', totalCents: -1 })),
      );
      assert.match(refusal.message, /and 1 more/);
    });
  });

  describe('when the message is no CloudEvent at all', () => {
    const bodies: [name: string, body: string | Uint8Array][] = [
      ['nothing', ''],
      ['no JSON', '{"specversion":"1.0"'],
      ['a text', '"text"'],
      ['a number', '5'],
      ['null', 'null'],
      ['a list', JSON.stringify([1, 2].map((sequence) => cloudEvent(sequence, 'order.delivered.v1')))],
      ['NaN', '{"sequence":NaN}'],
      ['no UTF-8', new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
      ['a lone surrogate in UTF-8', Buffer.from('7b2261223a22eda080227d', 'hex')],
      ['UTF-16', Buffer.from(JSON.stringify(cloudEvent(1, 'order.delivered.v1')), 'utf16le')],
      ['gzip', Buffer.from('1f8b0800000000000003', 'hex')],
      ['one in a key of unknown data', '{"data":{"\\uDFFFx":1}}'],
    ];
    for (const [name, body] of bodies) {
      it(`refuses ${name} as unparseable`, () => {
        const { refusal, hints } = refused(parseEvent(Buffer.from(body), LIMITS));
        assert.deepEqual([refusal.reason, refusal.path, hints], ['unparseable', '', {}]);
      });
    }

    for (const [what, hints] of [
      ['e-1', { orderId: 'o-1', sequence: 1 }],
      ['o-1', { sequence: 1, eventId: 'e-1' }],
      ['/order-service', { orderId: 'o-1', sequence: 1, eventId: 'e-1' }],
    ] as const)
      it(`refuses an escaped lone surrogate instead of ${what}, and hints at the rest`, () => {
        const body = JSON.stringify(cloudEvent(1, 'order.delivered.v1')).replace(what, '\\ud800');
        const parsed = refused(parseEvent(Buffer.from(body), LIMITS));
        assert.deepEqual([parsed.refusal.reason, parsed.hints], ['unparseable', hints]);
      });

    it('takes an escaped surrogate pair', () => {
      const body = JSON.stringify(cloudEvent(1, 'order.delivered.v1')).replace('e-1', '\\ud83c\\udfee');
      const result = parseEvent(Buffer.from(body), LIMITS);
      assert(result.kind === 'event');
      assert.equal(result.event.id, '🏮');
    });
  });

  describe('when the message is big or deep', () => {
    it('refuses more bytes than the limit, whatever they are, and hints at whose they are', () => {
      for (const [body, known] of [
        [Buffer.alloc(10 * 1024 * 1024), {}],
        [Buffer.from(JSON.stringify({ ...cloudEvent(4, 'order.placed.v2'), more: 'x'.repeat(10_000_000) })), HINTS],
        [Buffer.from(JSON.stringify({ ...cloudEvent(4, 'order.placed.v2'), more: 'x'.repeat(17_000_000) })), {}],
      ] as const) {
        const { refusal, hints } = refused(parseEvent(body, LIMITS));
        assert.deepEqual([refusal.reason, hints], ['too_large', known]);
      }
    });

    it('takes exactly as many as the limit', () => {
      const body = Buffer.from(JSON.stringify(cloudEvent(1, 'order.delivered.v1')));
      assert.equal(parseEvent(body, { maxMessageBytes: body.byteLength }).kind, 'event');
      assert.equal(parseEvent(body, { maxMessageBytes: body.byteLength - 1 }).kind, 'refused');
    });

    it('takes a long text where there is no limit but the message', () => {
      accepted(cloudEvent(1, 'order.cancelled.v1', { reason: 'x'.repeat(1_000_000) }));
    });

    it('refuses unknown data nested beyond sense, and any depth in what is dropped', () => {
      const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
      const withData = (type: string, json: string) =>
        parseEvent(Buffer.from(JSON.stringify(cloudEvent(1, type, 'HERE')).replace('"HERE"', json)), LIMITS);
      assert.equal(withData('order.unheard_of.v1', deep(64)).kind, 'event');
      assert.equal(refused(withData('order.unheard_of.v1', deep(1_000))).refusal.path, 'data');
      assert.equal(refused(withData('order.unheard_of.v1', deep(1_000_000))).refusal.path, 'data');
      assert.equal(withData('order.delivered.v1', `{"unknown":${deep(1_000_000)}}`).kind, 'event');
      assert.equal(refused(withData('order.placed.v2', deep(1_000_000))).refusal.path, 'data');
    });

    it('refuses 100,000 items', () => {
      const items = Array(100_000).fill({ sku: 's', name: '', quantity: 1, unitPriceCents: 1 });
      const result = parseEvent(Buffer.from(JSON.stringify(cloudEvent(1, 'order.placed.v2', { ...PLACED, items }))), {
        maxMessageBytes: 64 * 1024 * 1024,
      });
      assert.equal(refused(result).refusal.path, 'data.items');
    });
  });

  describe('when it refuses a message that says whose it is', () => {
    it('hints at order, sequence and event', () => {
      const { hints } = refused(parseJson(cloudEvent(4, 'order.placed.v2', {})));
      assert.deepEqual(hints, HINTS);
    });

    it('hints at nothing that is itself wrong', () => {
      const { hints } = refused(
        parseJson(cloudEvent(4, 'x', {}, { subject: 'x'.repeat(513), sequence: '07', id: '' })),
      );
      assert.deepEqual(hints, {});
    });
  });

  describe('whatever the bytes', () => {
    const ATTRIBUTES = ['specversion', 'id', 'source', 'type', 'subject', 'time', 'sequence', 'partitionkey', 'data'];

    it('never throws on bytes', () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
          assert.equal(parseEvent(bytes, LIMITS).kind, 'refused');
        }),
        { numRuns: 1_000 },
      );
    });

    it('never throws on JSON in the place of any attribute', () => {
      fc.assert(
        fc.property(fc.constantFrom(...ATTRIBUTES), fc.jsonValue(), (attribute, value) => {
          wellFormed(parseJson({ ...cloudEvent(1, 'order.placed.v2', PLACED), [attribute]: value }));
        }),
        { numRuns: 1_000 },
      );
    });

    it('never throws on JSON in the place of any field of any event', () => {
      const anyField = orderHistory({ maxLength: 4 })
        .chain((history) => fc.constantFrom(...history))
        .chain((event) => fc.tuple(fc.constant(event), fc.constantFrom(...pathsOf(event)), fc.jsonValue()));
      fc.assert(
        fc.property(anyField, ([event, path, value]) => wellFormed(parseJson(altered(event, path, value)))),
        { numRuns: 1_500 },
      );
    });

    it('reads its own events again as they are', () => {
      fc.assert(
        fc.property(orderHistory({ maxLength: 6 }), (history) => {
          for (const raw of history) {
            const { event } = accepted(raw);
            assert.deepEqual(accepted({ specversion: '1.0', subject: 'o-1', ...event }).event, event);
          }
        }),
        { numRuns: 200 },
      );
    });
  });
});

function wellFormed(result: ParsedEvent): void {
  if (result.kind === 'refused') {
    assert.notEqual(result.refusal.message, '');
    return;
  }
  assert(Number.isSafeInteger(result.event.sequence) && result.event.sequence >= 1);
  assert.match(result.event.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.doesNotThrow(() => JSON.stringify(result.event));
}

describe('fieldPath', () => {
  it('writes a path as a person would', () => {
    assert.equal(fieldPath(['data', 'items', 3, 'sku']), 'data.items[3].sku');
    assert.equal(fieldPath([]), '');
  });
});
