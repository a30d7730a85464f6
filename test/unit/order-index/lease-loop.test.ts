import assert from 'node:assert/strict';
import { LeaseLoop } from '../../../src/order-index/lease-loop.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';

const HOUR_MS = 3_600_000;

describe('a loop under a lease', () => {
  let told: string[];
  let release: () => Promise<void>;
  let loop: LeaseLoop;

  beforeEach(() => {
    told = [];
    release = () => Promise.resolve(void told.push('released'));
    loop = new LeaseLoop({ hold: () => Promise.resolve(true), release: () => release() });
  });

  /** Counts its rounds, and rests for an hour after each. */
  async function run(): Promise<void> {
    while (!loop.stopping.aborted) {
      told.push('round');
      await loop.pause(HOUR_MS);
      loop.sleepAgain();
    }
  }

  describe('when it is stopped', () => {
    it('ends its rest, and gives the lease back after its last round', async () => {
      loop.start(run);
      await loop.stop();
      assert.deepEqual(told, ['round', 'released']);
    });

    it('leaves a lease that cannot be given back to expire', async () => {
      release = () => Promise.reject(new IndexUnavailableError('away'));
      loop.start(run);
      await loop.stop();
    });

    it('hides no other failure of giving it back', async () => {
      const bug = new TypeError('a bug');
      release = () => Promise.reject(bug);
      loop.start(run);
      await assert.rejects(loop.stop(), bug);
    });
  });

  describe('when it is woken', () => {
    it('does not pause until it sleeps again', async () => {
      loop.wake();
      assert.ok(loop.isWoken);
      await loop.pause(HOUR_MS);
      await loop.pause(HOUR_MS);
      loop.sleepAgain();
      assert.ok(!loop.isWoken);
    });
  });
});
