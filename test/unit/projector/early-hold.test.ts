import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { EarlyHold } from '../../../src/projector/early-hold.ts';
import type { Job } from '../../../src/projector/work.ts';
import { eventAt, jobOf } from '../../support/protocol.ts';

describe('EarlyHold', () => {
  let released: Job[][];
  let hold: EarlyHold;

  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000 });
    released = [];
    hold = new EarlyHold({
      holdMs: 200,
      maxJobs: 3,
      now: () => Date.now(),
      release: (jobs) => void released.push([...jobs]),
    });
  });
  afterEach(() => mock.timers.reset());

  const job = (sequence: number, receivedMs = Date.now(), orderId = 'o'): Job => ({
    ...jobOf(orderId, eventAt(sequence)),
    receivedMs,
  });

  describe('when an event is early', () => {
    it('releases it once it has waited since its arrival, and then lets it be parked', () => {
      const early = job(3, 900);
      assert.equal(hold.mayHold(early), true);
      hold.hold([early]);
      mock.timers.tick(99);
      assert.deepEqual(released, []);
      mock.timers.tick(1);
      assert.deepEqual(released, [[early]]);
      assert.equal(hold.mayHold(early), false);
      mock.timers.tick(1_000);
      assert.deepEqual([released.length, hold.size], [1, 0]);
    });

    it('releases each at its own time', () => {
      const [first, second] = [job(3, 900), job(4, 950)];
      hold.hold([second]);
      hold.hold([first]);
      mock.timers.tick(100);
      assert.deepEqual(released, [[first]]);
      mock.timers.tick(50);
      assert.deepEqual(released, [[first], [second]]);
    });
  });

  describe('when many are early', () => {
    it('holds no more than it may', () => {
      hold.hold([job(3), job(4), job(5)]);
      assert.equal(hold.mayHold(job(6)), false);
      mock.timers.tick(200);
      assert.equal(hold.mayHold(job(6)), true);
    });
  });

  describe('when the deliveries are void', () => {
    it('forgets them', () => {
      hold.hold([job(3), job(4)]);
      hold.drop();
      mock.timers.tick(1_000);
      assert.deepEqual([released, hold.size], [[], 0]);
    });
  });

  describe('when it is closed', () => {
    it('releases what it has at once, and holds nothing any more', () => {
      const [held, late] = [job(3), job(4)];
      hold.hold([held]);
      hold.close();
      assert.deepEqual(released, [[held]]);
      assert.equal(hold.mayHold(job(5)), false);
      // Decided to be held just before.
      hold.hold([late]);
      assert.deepEqual(released, [[held], [late]]);
    });
  });

  describe('when nothing shall be held', () => {
    it('lets everything be parked', () => {
      const never = new EarlyHold({ holdMs: 0, maxJobs: 10, now: () => Date.now(), release: () => undefined });
      assert.equal(never.mayHold(job(3)), false);
    });
  });
});
