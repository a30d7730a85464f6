import assert from 'node:assert/strict';
import type { LiveDelivery } from '../../../src/broker/port.ts';
import { HeartbeatPace } from '../../../src/broker/rabbitmq/heartbeat-pace.ts';

const heartbeat = (publishedAt: number): LiveDelivery => ({
  kind: 'heartbeat',
  position: 1,
  redeliveries: 0,
  publishedAt,
});
const event: LiveDelivery = { kind: 'event', position: 2, redeliveries: 0, body: new Uint8Array() };

describe('HeartbeatPace', () => {
  async function never(): Promise<number> {
    throw new Error('not to be asked');
  }

  function sentAt(nowMs: number): HeartbeatPace {
    const pace = new HeartbeatPace();
    pace.sent(10_000, nowMs);
    return pace;
  }

  describe('when none is away', () => {
    it('is due', async () => {
      assert.equal(await new HeartbeatPace().isDue(0, never), true);
    });
  });

  describe('when the former has come back', () => {
    it('is due at once', async () => {
      const pace = sentAt(0);
      pace.delivered(heartbeat(10_000));
      assert.equal(await pace.isDue(1, never), true);
    });

    it('takes a later one of another process for it, not an earlier one', async () => {
      const pace = sentAt(0);
      pace.delivered(heartbeat(9_999));
      assert.equal(await pace.isDue(1, never), false);
      pace.delivered(heartbeat(10_001));
      assert.equal(await pace.isDue(1, never), true);
    });
  });

  describe('when the former could not be published', () => {
    it('is due at once', async () => {
      const pace = sentAt(0);
      pace.failed();
      assert.equal(await pace.isDue(1, never), true);
    });
  });

  describe('when the former is away for long', () => {
    it('is due where this process works off a backlog', async () => {
      const pace = sentAt(0);
      pace.delivered(event);
      assert.equal(await pace.isDue(4_999, never), false);
      assert.equal(await pace.isDue(5_000, never), true);
    });

    it('is due where nothing waits: another process has taken it', async () => {
      assert.equal(await sentAt(0).isDue(5_000, async () => 0), true);
    });

    it('is not due where the queue stands still, however long', async () => {
      assert.equal(await sentAt(0).isDue(86_400_000, async () => 1), false);
    });
  });
});
