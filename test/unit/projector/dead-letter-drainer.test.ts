import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { DeadLetter } from '../../../src/broker/port.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { startDeadLetterDrainer } from '../../../src/projector/dead-letter-drainer.ts';
import type { DrainerDependencies } from '../../../src/projector/dead-letter-drainer.ts';

const LETTER: DeadLetter = {
  body: Buffer.from('{'),
  refusal: { reason: 'invalid', path: 'x', message: 'y' },
  orderId: 'A',
  attempts: 1,
  firstFailedAt: '2026-01-02T03:04:05.678Z',
  lastFailedAt: '2026-01-02T03:04:05.678Z',
};

/** What the drainer did, with an index in which order `A` has that status. */
async function drained(
  letter: DeadLetter,
  status: string | undefined,
  replaced: Partial<DrainerDependencies['index']> = {},
) {
  const did: string[] = [];
  const live = { generation: 'g', address: 'g-w1' };
  const index = {
    registry: () => Promise.resolve({ epoch: 1, live, targets: [live] }),
    load: () => {
      did.push('load');
      return Promise.resolve({ kind: 'loaded', documents: new Map(status ? [['A', { status }]] : []) });
    },
    putDeadLetter: () => {
      did.push('put');
      return Promise.resolve('id');
    },
    forgetOrder: (orderId: string) => Promise.resolve(did.push(`forget ${orderId}`)),
    forgetSettledDeadLetters: () => Promise.resolve(),
    ...replaced,
  } as unknown as DrainerDependencies['index'];
  let handler: (letter: DeadLetter) => Promise<void> = () => assert.fail('nothing is consumed');
  const broker: DrainerDependencies['broker'] = {
    consumeDeadLetters: (given) => {
      handler = given;
      return Promise.resolve({ cancel: () => Promise.resolve(void did.push('cancel')) });
    },
  };
  const drainer = await startDeadLetterDrainer({ broker, index, log: createLogger('silent') });
  const error = await handler(letter).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  await drainer.stop();
  return { did, error };
}

describe('the dead letter drainer', () => {
  describe('when a letter comes', () => {
    it('keeps it, and only then looks whether its order is erased', async () => {
      const { did, error } = await drained(LETTER, 'placed');
      assert.deepEqual([did, error], [['put', 'load', 'cancel'], undefined]);
      assert.deepEqual((await drained(LETTER, undefined)).did, ['put', 'load', 'cancel']);
    });

    it('forgets it where it is', async () => {
      assert.deepEqual((await drained(LETTER, 'erased')).did, ['put', 'load', 'forget A', 'cancel']);
    });

    it('looks for no order where none is known', async () => {
      const { orderId: _orderId, ...letter } = LETTER;
      assert.deepEqual((await drained(letter, 'erased')).did, ['put', 'cancel']);
    });
  });

  describe('when the index is away', () => {
    it('does not take it', async () => {
      const away = () => Promise.reject(new IndexUnavailableError('away'));
      const unavailable = () => Promise.resolve({ kind: 'unavailable', reason: 'away' } as const);
      for (const replaced of [{ putDeadLetter: away }, { load: unavailable }, { registry: away }]) {
        const { error } = await drained(LETTER, 'placed', { ...replaced, forgetSettledDeadLetters: away });
        assert.ok(error instanceof IndexUnavailableError);
      }
    });
  });

  describe('when it meets a bug', () => {
    it('ends the process, and does not take the letter', async () => {
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      try {
        const thrown = once(process, 'uncaughtException');
        const bug = new TypeError('a bug');
        const { error } = await drained(LETTER, 'placed', { putDeadLetter: () => Promise.reject(bug) });
        assert.equal(error, bug);
        assert.deepEqual((await thrown)[0], bug);
      } finally {
        for (const listener of others) process.on('uncaughtException', listener);
      }
    });
  });
});
