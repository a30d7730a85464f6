import assert from 'node:assert/strict';
import type { OrderEvent } from '../../../src/order/event.ts';
import { foldStored } from '../../../src/order/fold.ts';
import type { OrderState } from '../../../src/order/fold.ts';
import { parseEvent } from '../../../src/order/parse-event.ts';
import type { CloudEvent } from '../../../src/sample/cloud-event.ts';
import { inOrderOfTime, sampleHistory } from '../../../src/sample/sample-history.ts';
import { SAMPLE_TYPES } from '../../../src/sample/story.ts';

const NOW = new Date('2026-06-30T12:00:00Z');
const DAY_MS = 24 * 3_600_000;
const HISTORIES = sampleHistory('sample', 2_000, NOW);

function parsed(event: CloudEvent): OrderEvent {
  const result = parseEvent(Buffer.from(JSON.stringify(event)), { maxMessageBytes: 100_000 });
  if (result.kind === 'event') return result.event;
  throw new Error(`${event.type} ${event.id}: ${result.refusal.path} ${result.refusal.message}`);
}

function stateOf(history: readonly CloudEvent[]): OrderState {
  return foldStored(history[0]?.subject ?? '', history.map(parsed));
}

describe('the sample history', () => {
  it('is made of valid events, of every type that it may tell', () => {
    const types = new Set(HISTORIES.flat().map((event) => event.type));
    for (const event of HISTORIES.flat()) parsed(event);
    assert.deepEqual([...types].sort(), [...SAMPLE_TYPES].sort());
  });

  it('has no order that waits for an event: whoever begins late begins with a snapshot', () => {
    for (const history of HISTORIES) {
      const [first, ...others] = history;
      assert.ok(first);
      if (first.sequence !== 1) assert.equal(first.type, 'order.snapshot.v1');
      others.forEach(({ sequence }, at) => assert.equal(sequence, first.sequence + at + 1));
    }
  });

  it('has holes, which are filled later', () => {
    const inTime = inOrderOfTime(HISTORIES);
    const newest = new Map<string, number>();
    const late = inTime.filter(({ subject, sequence }) => {
      const isLate = sequence < (newest.get(subject) ?? 0);
      newest.set(subject, Math.max(sequence, newest.get(subject) ?? 0));
      return isLate;
    });
    assert.ok(late.length > 0);
    assert.deepEqual([...new Set(late.map(({ type }) => type))], ['order.skipped.v1']);
  });

  it('folds to orders in every status, whose totals are their items', () => {
    const states = HISTORIES.map(stateOf);
    const statuses = new Set(states.map(({ facts, erasedAt }) => (erasedAt === undefined ? facts?.status : 'erased')));
    const expected = ['cancelled', 'delivered', 'erased', 'paid', 'placed', 'refunded', 'shipped'];
    assert.deepEqual([...statuses].sort(), expected);
    for (const { facts } of states) {
      if (!facts) continue;
      const { items, totalCents } = facts.placed;
      const sum = items.reduce((cents, { quantity, unitPriceCents }) => cents + quantity * unitPriceCents, 0);
      assert.equal(totalCents, sum);
      assert.ok(facts.paidCents === 0 || facts.paidCents === totalCents);
      assert.ok(facts.refundedCents <= facts.paidCents);
    }
  });

  it('has several currencies, sellers, guests and scripts', () => {
    const placed = HISTORIES.map(stateOf).flatMap(({ facts }) => facts?.placed ?? []);
    assert.deepEqual([...new Set(placed.map(({ currency }) => currency))].sort(), ['EUR', 'GBP', 'JPY', 'USD']);
    assert.ok(new Set(placed.map(({ sellerId }) => sellerId)).size >= 5);
    assert.ok(placed.some(({ customer }) => customer.name === 'Guest' && customer.email === undefined));
    for (const name of ['José Álvarez', 'Anna Müller', '田中 花子', 'Łukasz Wiśniewski', 'Nguyễn Thị Mai']) {
      assert.ok(
        placed.some(({ customer }) => customer.name === name),
        name,
      );
    }
  });

  it('is spread over the last 30 days, and nothing of it is to come', () => {
    const times = HISTORIES.flat().map(({ time }) => Date.parse(time));
    assert.ok(Math.max(...times) <= NOW.getTime());
    const first = Math.min(...times);
    assert.ok(first >= NOW.getTime() - 30 * DAY_MS && first < NOW.getTime() - 29 * DAY_MS);
  });

  it('is the same for the same seed and start, and has other ids for another start', () => {
    assert.deepEqual(sampleHistory('sample', 50, NOW), sampleHistory('sample', 50, NOW));
    assert.notDeepEqual(sampleHistory('sample', 50, NOW), sampleHistory('another', 50, NOW));
    const ids = new Set(HISTORIES.map(([first]) => first?.subject));
    const later = sampleHistory('sample', 50, new Date(NOW.getTime() + 1));
    assert.ok(later.every(([first]) => !ids.has(first?.subject)));
  });
});
