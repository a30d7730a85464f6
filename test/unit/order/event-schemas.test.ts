import assert from 'node:assert/strict';
import type { KnownType } from '../../../src/order/event.ts';
import { DATA_SCHEMAS, MAX_ITEMS } from '../../../src/order/event-schemas.ts';
import { fieldPath } from '../../../src/order/parse-event.ts';
import { PLACED, PLACED_V1, SNAPSHOT } from './sample-events.ts';

const [ITEM] = PLACED.items;
const [LINE] = PLACED_V1.lines;
const [PAYMENT] = SNAPSHOT.payments;
const [REFUND] = SNAPSHOT.refunds;
const REFUNDED = { refundId: 'r-1', amountCents: 5 };

type DataWith = (list: readonly unknown[]) => object;

/** Every list of the contract: of which field of which type, data with it, and an element that it takes. */
const LISTS: readonly (readonly [type: KnownType, path: string, dataWith: DataWith, valid: unknown])[] = [
  ['order.placed.v2', 'items', (items) => ({ ...PLACED, items }), ITEM],
  ['order.placed.v2', 'tags', (tags) => ({ ...PLACED, tags }), 'gift'],
  ['order.placed.v1', 'lines', (lines) => ({ ...PLACED_V1, lines }), LINE],
  ['order.refunded.v1', 'items', (items) => ({ ...REFUNDED, items }), { sku: 'A', quantity: 1 }],
  ['order.tagged.v1', 'add', (add) => ({ add, remove: [] }), 'gift'],
  ['order.tagged.v1', 'remove', (remove) => ({ add: [], remove }), 'gift'],
  ['order.corrected.v1', 'patch.items', (items) => ({ patch: { items }, reason: '' }), ITEM],
  ['order.corrected.v1', 'patch.tags', (tags) => ({ patch: { tags }, reason: '' }), 'gift'],
  ['order.snapshot.v1', 'items', (items) => ({ ...SNAPSHOT, items }), ITEM],
  ['order.snapshot.v1', 'tags', (tags) => ({ ...SNAPSHOT, tags }), 'gift'],
  ['order.snapshot.v1', 'payments', (payments) => ({ ...SNAPSHOT, payments }), PAYMENT],
  ['order.snapshot.v1', 'refunds', (refunds) => ({ ...SNAPSHOT, refunds }), REFUND],
];

/** So many elements that nobody may look at. */
function untouchable(length: number): unknown[] {
  const list = Array<unknown>(length);
  for (let index = 0; index < length; index++) {
    const get = () => assert.fail(`element ${index} was looked at`);
    Object.defineProperty(list, index, { get, enumerable: true, configurable: true });
  }
  return list;
}

function issuesOf(type: KnownType, data: object) {
  const parsed = DATA_SCHEMAS[type].safeParse(data);
  assert.equal(parsed.success, false);
  return (parsed.error?.issues ?? []).map(({ path }) => fieldPath(path));
}

describe('the lists of event data', () => {
  for (const [type, path, dataWith, valid] of LISTS) {
    describe(`when ${path} of ${type} has an invalid element`, () => {
      it('names that element, and looks at none behind it', () => {
        const list = untouchable(400);
        Object.defineProperty(list, 0, { value: valid });
        Object.defineProperty(list, 1, { value: 0 });
        assert.deepEqual(issuesOf(type, dataWith(list)), [`${path}[1]`]);
      });
    });
  }

  for (const [type, path, dataWith] of LISTS.filter(([, , , valid]) => valid === ITEM || valid === LINE)) {
    describe(`when ${path} of ${type} has too many elements`, () => {
      it('looks at none of them', () => {
        assert.deepEqual(issuesOf(type, dataWith(untouchable(MAX_ITEMS + 1))), [path]);
      });
    });
  }

  describe('when an element lacks several fields', () => {
    it('says what that one lacks', () => {
      const refunds = [REFUND, {}, {}];
      assert.deepEqual(issuesOf('order.snapshot.v1', { ...SNAPSHOT, refunds }), [
        'refunds[1].refundId',
        'refunds[1].at',
        'refunds[1].amountCents',
      ]);
    });
  });
});
