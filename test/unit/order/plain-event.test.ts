import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { readPlainEvent } from '../../../src/order/plain-event.ts';
import { orderHistory } from '../../support/event-arbitraries.ts';
import { altered, pathsOf } from './altered.ts';
import { parseJson } from './parsed-events.ts';
import { cloudEvent, PLACED } from './sample-events.ts';

type Message = Readonly<Record<string, unknown>>;

const PLAIN: readonly (readonly [type: string, data: object])[] = [
  ['order.placed.v2', PLACED],
  ['order.placed.v2', { ...PLACED, customer: { id: 'c', name: '', email: null }, tags: [], seq: 1, snapshot: {} }],
  ['order.payment_captured.v1', { amountCents: 5, method: 'card' }],
  ['order.payment_captured.v1', { amountCents: 0, method: null }],
  ['order.shipped.v1', { carrier: 'DHL', trackingNumber: '00340' }],
  ['order.shipped.v1', {}],
  ['order.delivered.v1', { at: 'the door' }],
  ['order.cancelled.v1', { reason: 'too late' }],
  ['order.cancelled.v1', {}],
  ['order.refunded.v1', { refundId: 'r-1', amountCents: 5, reason: 'broken' }],
];

/** What the schemas say: they are asked wherever a sequence is written in digits. */
function bySchemas(message: Message): unknown {
  const parsed = parseJson({ ...message, sequence: String(message['sequence']) });
  return parsed.kind === 'event' ? { orderId: parsed.orderId, event: parsed.event } : parsed;
}

const EDGES: readonly unknown[] = [
  ...[null, true, '', ' ', '1', 'EUR', 'XXX', '1.0', 'order.placed.v2', '2010-12-01T08:01:00Z', '2010-13-01T08:01:00Z'],
  ...['/a%zz', '%', '%4', '%41', '/a%2Fb%'],
  ...[-1, 0, -0, 1, 1.5, 2 ** 53 - 1, 2 ** 53, 1e300, [], {}, [''], [null], [{}], ['a', 'a']],
  ...[170, 171, 256, 257, 512, 513, 1_024, 1_025, 2_048, 2_049].map((length) => 'x'.repeat(length)),
  ...[42, 43, 128, 129, 170, 512, 513].flatMap((length) => ['😀'.repeat(length), 'ä'.repeat(length)]),
];

const message = fc.oneof(
  fc.constantFrom(...PLAIN).map(([type, data]) => cloudEvent(1, type, data)),
  orderHistory({ maxLength: 4 }).chain((history) => fc.constantFrom(...(history as unknown as Message[]))),
);
const spoilt = fc
  .tuple(message, fc.oneof(fc.constantFrom(...EDGES), fc.jsonValue()))
  .chain(([one, value]) =>
    fc
      .constantFrom(...pathsOf(one).filter(({ length }) => length > 0))
      .map((path) => altered(one, path, value) as Message),
  );

describe('readPlainEvent', () => {
  for (const [type, data] of PLAIN) {
    it(`reads ${type} with ${Object.keys(data).join(', ') || 'no data'}`, () => {
      const plain = cloudEvent(7, type, data);
      const read = readPlainEvent(plain);
      assert.ok(read);
      assert.equal(JSON.stringify(read), JSON.stringify(bySchemas(plain)));
    });
  }

  it('reads nothing that the schemas would not take with the very same result', () => {
    let plain = 0;
    fc.assert(
      fc.property(fc.oneof(message, spoilt), (one) => {
        const read = readPlainEvent(one);
        if (!read) return;
        plain += 1;
        // In the order of their fields too, as it is stored.
        assert.equal(JSON.stringify(read), JSON.stringify(bySchemas(one)));
      }),
      { numRuns: 5_000 },
    );
    assert.ok(plain > 500, `${plain} were plain`);
  });
});
