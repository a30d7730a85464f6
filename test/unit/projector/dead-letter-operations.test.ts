import assert from 'node:assert/strict';
import { UnroutableError } from '../../../src/broker/port.ts';
import type { OutgoingEvent } from '../../../src/broker/port.ts';
import type { DeadLetterFilter, DeadLetterWithBody } from '../../../src/order-index/dead-letter-port.ts';
import { createDeadLetterOperations } from '../../../src/projector/dead-letter-operations.ts';
import type { DeadLetterOperationDependencies } from '../../../src/projector/dead-letter-operations.ts';

const EVENT = '{"type":"order.tagged.v1","id":"e-1","subject":"A","time":"2026-01-01T00:00:00Z", "data" : {}}';

function letterOf(id: string, changes: Partial<DeadLetterWithBody> = {}, body: string | Uint8Array = EVENT) {
  const at = '2026-01-02T03:04:05.678Z';
  return {
    id,
    refusal: { reason: 'invalid', path: 'x', message: 'y' },
    attempts: 1,
    firstFailedAt: at,
    lastFailedAt: at,
    bodyBytes: Buffer.byteLength(body),
    body: Buffer.from(body),
    revision: '1',
    ...changes,
  } as const;
}

/** An index with these letters and one order `A` at version 4, of which event 6 is parked, and a broker that keeps what it is given. */
function world(...letters: DeadLetterWithBody[]) {
  const published: OutgoingEvent[] = [];
  const settled: [string, string | undefined][] = [];
  const open = new Map(letters.map((letter) => [letter.id, letter]));
  const live = { generation: 'g', address: 'g-w1' };
  const deps = {
    broker: {
      publish: (events: readonly OutgoingEvent[]) => {
        const stray = events.find(({ type }) => !type.startsWith('order.'));
        if (stray) return Promise.reject(new UnroutableError(`no queue is bound for ${stray.type}`));
        published.push(...events);
        return Promise.resolve();
      },
    },
    index: {
      registry: () => Promise.resolve({ epoch: 1, live, targets: [live] }),
      load: () => Promise.resolve({ kind: 'loaded', documents: new Map([['A', { version: 4 }]]) }),
      parkedAt: ([place]: readonly { sequence: number }[]) => Promise.resolve(place?.sequence === 6 ? [place] : []),
      listParkedPlaces: ({ after }: { after?: { orderId: string; sequence: number } }) =>
        Promise.resolve(
          after?.orderId === 'A' && after.sequence < 6 ? [{ orderId: 'A', sequence: 6, parkedAt: '' }] : [],
        ),
      listDeadLetters: ({ cursor }: DeadLetterFilter & { cursor?: string }) => {
        const all = [...letters];
        const from = Number(cursor ?? 0);
        return Promise.resolve({ items: all.slice(from, from + 2), nextCursor: all[from + 2] ? `${from + 2}` : null });
      },
      getDeadLetter: (id: string) => Promise.resolve(open.get(id)),
      settleDeadLetter: (id: string, revision?: string) => {
        settled.push([id, revision]);
        return Promise.resolve(open.delete(id));
      },
    },
  } as unknown as DeadLetterOperationDependencies;
  return { operations: createDeadLetterOperations(deps), published, settled, deps };
}

describe('replaying a dead letter', () => {
  describe('when it can be routed', () => {
    it('publishes its very bytes, then takes out exactly what was read', async () => {
      const { operations, published, settled } = world(letterOf('a', { orderId: 'A', eventId: 'e-1', revision: '7' }));
      assert.deepEqual(await operations.replay('a'), { kind: 'replayed' });
      assert.deepEqual(published, [
        { id: 'e-1', type: 'order.tagged.v1', orderId: 'A', time: '2026-01-01T00:00:00Z', body: Buffer.from(EVENT) },
      ]);
      assert.deepEqual(settled, [['a', '7']]);
    });
  });

  describe('when it cannot', () => {
    it('says why, and leaves it', async () => {
      const bodies = ['', '{"no": event', '[]', '"x"', 'null', '{}', '{"type":7}', '{"type":""}', Buffer.from([0xff])];
      for (const body of bodies) {
        const { operations, settled, published } = world(letterOf('a', {}, body));
        const outcome = await operations.replay('a');
        assert.equal(outcome.kind, 'not_routable');
        assert.deepEqual([settled, published], [[], []]);
      }
      const { operations, settled } = world(letterOf('a', {}, '{"type":"invoice.sent"}'));
      assert.deepEqual(await operations.replay('a'), {
        kind: 'not_routable',
        reason: 'no queue is bound for invoice.sent',
      });
      assert.deepEqual(settled, []);
    });
  });

  describe('when the broker fails', () => {
    it('leaves it', async () => {
      const { deps, settled } = world(letterOf('a'));
      const broker = { publish: () => Promise.reject(new Error('gone')) };
      await assert.rejects(createDeadLetterOperations({ ...deps, broker }).replay('a'), /gone/);
      assert.deepEqual(settled, []);
    });
  });

  describe('when it is not there', () => {
    it('says so', async () => {
      assert.deepEqual(await world().operations.replay('a'), { kind: 'not_found' });
    });
  });
});

describe('replaying all dead letters', () => {
  it('goes through every page, each letter once, and tells those that cannot be routed', async () => {
    const letters = ['a', 'b', 'c', 'd', 'e'].map((id) => letterOf(id, {}, id === 'c' ? '{' : EVENT));
    // One that comes again on a later page, as after a new failure.
    const { operations, published } = world(...letters, letterOf('a'));
    const { replayed, failed } = await operations.replayAll({});
    assert.equal(replayed, 4);
    assert.deepEqual(
      failed.map(({ id }) => id),
      ['c'],
    );
    assert.equal(published.length, 4);
  });
});

describe('discarding a dead letter', () => {
  const discarded = async (changes: Partial<DeadLetterWithBody>) =>
    world(letterOf('a', changes)).operations.discard('a');

  it('says which place of its order stays empty, and whether anything waits for it', async () => {
    const missing = { orderId: 'A', sequence: 5 };
    assert.deepEqual(await discarded(missing), { kind: 'discarded', missing: { ...missing, isAwaited: true } });
    for (const unawaited of [
      { orderId: 'nobody', sequence: 1 },
      { orderId: 'A', sequence: 7 },
    ]) {
      assert.deepEqual(await discarded(unawaited), { kind: 'discarded', missing: { ...unawaited, isAwaited: false } });
    }
  });

  it('says nothing of a place that is taken, or parked, or not known', async () => {
    for (const place of [{ orderId: 'A', sequence: 4 }, { orderId: 'A', sequence: 6 }, { orderId: 'A' }, {}]) {
      assert.deepEqual(await discarded(place), { kind: 'discarded' });
    }
  });

  it('tells one that is not there', async () => {
    assert.deepEqual(await world().operations.discard('a'), { kind: 'not_found' });
  });
});
