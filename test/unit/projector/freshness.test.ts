import assert from 'node:assert/strict';
import type { EventDelivery, HeartbeatDelivery } from '../../../src/broker/port.ts';
import { SettledHeartbeats } from '../../../src/projector/freshness.ts';

function event(position: number): EventDelivery {
  return { kind: 'event', position, redeliveries: 0, body: new Uint8Array() };
}

function heartbeat(position: number, publishedAt: number): HeartbeatDelivery {
  return { kind: 'heartbeat', position, redeliveries: 0, publishedAt };
}

describe('SettledHeartbeats', () => {
  it('knows nothing before the first heartbeat', () => {
    assert.equal(new SettledHeartbeats().newest(), undefined);
  });

  it('counts a heartbeat once everything before it is settled', () => {
    const settled = new SettledHeartbeats();
    for (const delivery of [event(1), heartbeat(2, 1_000), event(3), heartbeat(4, 2_000)]) settled.delivered(delivery);
    assert.equal(settled.newest(), undefined);
    settled.settled(1);
    assert.equal(settled.newest(), 1_000);
    settled.settled(3);
    assert.equal(settled.newest(), 2_000);
  });

  it('is not deceived by what is settled out of order', () => {
    const settled = new SettledHeartbeats();
    for (const delivery of [event(1), event(2), heartbeat(3, 1_000)]) settled.delivered(delivery);
    settled.settled(2);
    assert.equal(settled.newest(), undefined);
    assert.equal(settled.unsettled(), 1);
  });

  describe('when deliveries go back to the queue', () => {
    it('trusts only heartbeats that were published after that', () => {
      const settled = new SettledHeartbeats();
      settled.delivered(event(1));
      settled.delivered(heartbeat(2, 1_000));
      settled.returned(1_500);
      settled.delivered(heartbeat(3, 1_200));
      assert.equal(settled.newest(), undefined);
      settled.delivered(event(4));
      settled.delivered(heartbeat(5, 1_600));
      assert.equal(settled.newest(), undefined);
      settled.settled(4);
      assert.equal(settled.newest(), 1_600);
    });
  });
});
