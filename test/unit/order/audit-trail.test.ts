import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { auditTrail } from '../../../src/order/audit-trail.ts';
import type { OrderView } from '../../../src/order/document.ts';
import { orderHistory } from '../../support/event-arbitraries.ts';
import type { CloudEventJson } from '../../support/oracle.ts';
import { foldOf, parsed, storedDocumentOf } from './parsed-events.ts';
import { cloudEvent, hour, PLACED, SNAPSHOT } from './sample-events.ts';

const EVERYTHING = () => true;
const trailOf = (history: readonly CloudEventJson[], maySee: (order: OrderView) => boolean = EVERYTHING) =>
  auditTrail(storedDocumentOf(foldOf(parsed(history))), maySee);

describe('an audit trail', () => {
  it('says what each event changed, and nothing else', () => {
    const trail = trailOf([
      cloudEvent(1, 'order.placed.v2', PLACED),
      cloudEvent(2, 'order.payment_captured.v1', { amountCents: 3000 }),
      cloudEvent(3, 'order.tagged.v1', { add: ['late'], remove: ['vip'] }),
      cloudEvent(4, 'order.corrected.v1', { patch: { customer: { email: null }, totalCents: 2900 }, reason: 'typo' }),
      cloudEvent(5, 'order.placed.v2', PLACED),
      cloudEvent(6, 'order.unheard_of.v1', { a: 1 }),
    ]);
    assert.deepEqual(
      trail.slice(1).map(({ sequence, changes }) => [sequence, changes]),
      [
        [
          2,
          {
            status: { before: 'placed', after: 'paid' },
            paidCents: { before: 0, after: 3000 },
            netCents: { before: 0, after: 3000 },
            paidAt: { before: null, after: hour(2) },
          },
        ],
        [3, { tags: { before: ['gift', 'vip'], after: ['gift', 'late'] } }],
        [
          4,
          {
            customerEmail: { before: 'zoe@example.org', after: null },
            totalCents: { before: 3000, after: 2900 },
          },
        ],
        [5, {}],
        [6, {}],
      ],
    );
    assert.deepEqual(trail[0]?.changes['status'], { before: null, after: 'placed' });
    assert.deepEqual(trail[0].changes['items'], { before: null, after: PLACED.items });
    assert.deepEqual(trail[0].data, { ...PLACED, tags: PLACED.tags });
  });

  it('begins with nothing, before the order was placed and at a snapshot', () => {
    const [early, placed] = trailOf([cloudEvent(1, 'order.shipped.v1'), cloudEvent(2, 'order.placed.v2', PLACED)]);
    assert.deepEqual(early?.changes, {});
    assert.deepEqual(placed?.changes['status'], { before: null, after: 'placed' });
    const [snapshot] = trailOf([cloudEvent(7, 'order.snapshot.v1', SNAPSHOT)]);
    assert.deepEqual(snapshot?.changes['paidCents'], { before: null, after: 3000 });
  });

  it('leads from nothing to the order as it is, whatever happened', () => {
    const property = fc.property(orderHistory({ erasures: false, maxLength: 16 }), (history) => {
      const document = storedDocumentOf(foldOf(parsed(history)));
      const now: Record<string, unknown> = {};
      for (const { changes } of auditTrail(document, EVERYTHING)) {
        for (const [field, { before, after }] of Object.entries(changes)) {
          assert.deepEqual(before, now[field] ?? null);
          now[field] = after;
        }
      }
      const fields = Object.entries(now).filter(([, value]) => value !== null);
      for (const [field, value] of fields) assert.deepEqual(value, document[field as keyof OrderView], field);
    });
    fc.assert(property, { numRuns: 300 });
  });

  describe('when the reader may not see all of it', () => {
    const moved = (sequence: number, id: string, name: string) =>
      cloudEvent(sequence, 'order.corrected.v1', { patch: { customer: { id, name } }, reason: '' });
    const history = [
      cloudEvent(1, 'order.placed.v2', PLACED),
      cloudEvent(2, 'order.payment_captured.v1', { amountCents: 3000 }),
      moved(3, 'c-8', 'Yan'),
      cloudEvent(4, 'order.shipped.v1'),
      moved(5, 'c-7', 'Zoe'),
    ];
    const trailOfCustomer = (id: string) => trailOf(history, ({ customerId }) => customerId === id);

    it('has no event of another time, and nothing of what was before', () => {
      const trail = trailOfCustomer('c-8');
      assert.deepEqual(
        trail.map(({ sequence }) => sequence),
        [3, 4],
      );
      assert.deepEqual(trail[0]?.changes['customerName'], { before: null, after: 'Yan' });
      assert.doesNotMatch(JSON.stringify(trail), /Zo/);
    });

    it('goes on when it is theirs again', () => {
      const trail = trailOfCustomer('c-7');
      assert.deepEqual(
        trail.map(({ sequence }) => sequence),
        [1, 2, 5],
      );
      assert.doesNotMatch(JSON.stringify(trail), /Yan/);
    });
  });
});
