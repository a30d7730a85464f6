import assert from 'node:assert/strict';
import type { OrderGap, SequenceRange } from '../../../src/projector/gaps.ts';
import { republishFromHistory, startOf } from '../../../src/projector/missing-from-history.ts';
import { outgoingEvent } from '../../support/amqp-broker.ts';
import { MemoryHistory } from '../../support/memory-history.ts';

const NOW = new Date('2026-03-01T12:00:00.000Z');
const PARKED_AT = '2026-03-01T11:00:00.000Z';

function gap(orderId: string, missing: readonly SequenceRange[], lastEventAt?: string): OrderGap {
  const rest = { version: 1, parked: 1, oldestParkedAt: PARKED_AT, gapped: true };
  return { orderId, missing, ...rest, ...(lastEventAt !== undefined && { lastEventAt }) };
}

const bodyOf = (orderId: string, sequence: number, changes: object = {}) =>
  JSON.stringify({ ...JSON.parse(Buffer.from(outgoingEvent(sequence, orderId).body).toString()), ...changes });

describe('where the search for missing events begins', () => {
  describe('when the last event of every order is known', () => {
    it('is a margin before the oldest of them', () => {
      const from = startOf(
        [gap('a', [[2, 2]], '2026-02-20T10:00:00.000Z'), gap('b', [[2, 2]], '2026-02-10T10:00:00.000Z')],
        NOW,
      );
      assert.deepEqual(from, { kind: 'time', at: new Date('2026-02-10T09:00:00.000Z') });
    });
  });

  describe('when it is in doubt', () => {
    it('is the first message: nothing is known of an order that has no document', () => {
      assert.deepEqual(startOf([gap('a', [[2, 2]], '2026-02-20T10:00:00.000Z'), gap('b', [[1, 1]])], NOW), {
        kind: 'first',
      });
    });

    it('is the first message where an event seems to have happened after its successor was parked', () => {
      assert.deepEqual(startOf([gap('a', [[2, 2]], '2026-03-01T11:00:00.001Z')], NOW), { kind: 'first' });
    });
  });
});

describe('republishing from the history', () => {
  let history: MemoryHistory;

  beforeEach(() => {
    history = new MemoryHistory();
  });

  const scan = (...gaps: OrderGap[]) =>
    republishFromHistory(gaps, {
      broker: history,
      maxMessageBytes: 1_000_000,
      now: () => NOW,
      signal: new AbortController().signal,
    });

  const publishedIds = () => history.published.map(({ id }) => id);

  describe('when the history has what is missing', () => {
    it('publishes just that, bodies untouched, in one reading for all orders', async () => {
      for (const orderId of ['a', 'b', 'c']) {
        for (const sequence of [1, 2, 3, 4]) history.add(bodyOf(orderId, sequence), PARKED_AT);
      }
      const result = await scan(gap('a', [[2, 3]]), gap('c', [[3, 3]]));
      assert.deepEqual(publishedIds(), ['a-2', 'a-3', 'c-3']);
      assert.equal(Buffer.from(history.published[0]?.body ?? []).toString(), bodyOf('a', 2));
      assert.deepEqual([result.found, result.republished, [...result.stillMissing]], [3, 3, []]);
      assert.equal(history.readings.length, 1);
    });

    it('stops reading once it has all', async () => {
      for (let sequence = 1; sequence <= 50; sequence++) history.add(bodyOf('a', sequence), PARKED_AT);
      await scan(gap('a', [[4, 5]]));
      assert.deepEqual(history.readings[0]?.offsets, [0, 1, 2, 3, 4]);
    });

    it('finds what begins with a byte order mark', async () => {
      history.add(`\uFEFF${bodyOf('a', 2)}`, PARKED_AT);
      const result = await scan(gap('a', [[2, 2]]));
      assert.deepEqual([publishedIds(), [...result.stillMissing]], [['a-2'], []]);
    });

    it('takes the first of two that claim one place, and a sequence written as digits', async () => {
      history.add(bodyOf('a', 2, { sequence: '2', id: 'first' }), PARKED_AT);
      history.add(bodyOf('a', 2, { id: 'second' }), PARKED_AT);
      await scan(gap('a', [[2, 3]]));
      assert.deepEqual(publishedIds(), ['first']);
    });

    it('names an alias by its type', async () => {
      history.add(bodyOf('a', 2, { type: 'OrderPaid', data: { amountCents: 1 } }), PARKED_AT);
      await scan(gap('a', [[2, 2]]));
      assert.deepEqual(
        history.published.map(({ type }) => type),
        ['order.payment_captured.v1'],
      );
    });
  });

  describe('when it is not where the hole can have begun', () => {
    it('reads what comes before too, each message once', async () => {
      history.add(bodyOf('a', 2), '2026-01-01T00:00:00.000Z');
      history.add(bodyOf('x', 1), '2026-01-01T00:00:01.000Z');
      history.add(bodyOf('a', 3), '2026-02-21T00:00:00.000Z');
      const result = await scan(gap('a', [[2, 2]], '2026-02-20T10:00:00.000Z'));
      assert.deepEqual(
        history.readings.map(({ from, offsets }) => [from.kind, offsets]),
        [
          ['time', [2]],
          ['first', [0]],
        ],
      );
      assert.deepEqual([publishedIds(), result.scanned], [['a-2'], 2]);
    });
  });

  describe('when it is nowhere, or useless', () => {
    it('says what is still missing', async () => {
      history.add('{"no": event', PARKED_AT);
      history.add('[1]', PARKED_AT);
      history.add('{"subject": "a"}', PARKED_AT);
      history.add(bodyOf('a', 3, { time: 'yesterday' }), PARKED_AT);
      history.add(bodyOf('a', 5), PARKED_AT);
      const result = await scan(
        gap('a', [
          [2, 3],
          [5, 5],
          [9, 9_000_000_000],
        ]),
      );
      assert.deepEqual([result.found, result.republished], [2, 1]);
      assert.deepEqual(
        [...result.stillMissing],
        [
          [
            'a',
            [
              [2, 3],
              [9, 9_000_000_000],
            ],
          ],
        ],
      );
    });
  });

  describe('when the service stops meanwhile', () => {
    it('breaks off with the reason', async () => {
      for (let sequence = 1; sequence <= 5; sequence++) history.add(bodyOf('a', sequence), PARKED_AT);
      const controller = new AbortController();
      const reason = new Error('stopping');
      history.before = () => {
        controller.abort(reason);
        return Promise.resolve();
      };
      const { signal } = controller;
      const deps = { broker: history, maxMessageBytes: 1_000_000, now: () => NOW, signal };
      await assert.rejects(republishFromHistory([gap('a', [[2, 2]])], deps), reason);
      assert.deepEqual(history.published, []);
    });
  });
});
