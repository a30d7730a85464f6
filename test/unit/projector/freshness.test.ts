import assert from 'node:assert/strict';
import type { EventDelivery, HeartbeatDelivery } from '../../../src/broker/port.ts';
import { SettledHeartbeats } from '../../../src/projector/freshness.ts';
import { farewell, trustIn, withoutGone, type FreshnessRecord } from '../../../src/projector/shared-freshness.ts';

const ALONE = { publishedAfter: 0, receivedBefore: Infinity };

function event(position: number): EventDelivery {
  return { kind: 'event', position, redeliveries: 0, body: new Uint8Array() };
}

function heartbeat(position: number, publishedAt: number): HeartbeatDelivery {
  return { kind: 'heartbeat', position, redeliveries: 0, publishedAt };
}

/** Each delivery is received at its position, in ms. */
function heard(...deliveries: (EventDelivery | HeartbeatDelivery)[]): SettledHeartbeats {
  const settled = new SettledHeartbeats();
  for (const delivery of deliveries) settled.delivered(delivery, delivery.position);
  return settled;
}

describe('SettledHeartbeats', () => {
  it('knows nothing before the first heartbeat', () => {
    assert.equal(new SettledHeartbeats().newest(ALONE), undefined);
  });

  it('counts a heartbeat once everything before it is settled', () => {
    const settled = heard(event(1), heartbeat(2, 1_000), event(3), heartbeat(4, 2_000));
    assert.equal(settled.newest(ALONE), undefined);
    settled.settled(1);
    assert.equal(settled.newest(ALONE), 1_000);
    settled.settled(3);
    assert.equal(settled.newest(ALONE), 2_000);
  });

  it('is not deceived by what is settled out of order', () => {
    const settled = heard(event(1), event(2), heartbeat(3, 1_000));
    settled.settled(2);
    assert.equal(settled.newest(ALONE), undefined);
  });

  it('says up to when all that was received is settled', () => {
    const settled = heard(event(1), event(2));
    settled.settled(1);
    assert.equal(settled.settledTo(9), 2);
    settled.settled(2);
    assert.equal(settled.settledTo(9), 9);
  });

  describe('when deliveries go back to the queue', () => {
    it('trusts only heartbeats that were published after that', () => {
      const settled = heard(event(1), heartbeat(2, 1_000));
      settled.requeued(1_500);
      settled.delivered(heartbeat(3, 1_200), 3);
      assert.equal(settled.newest(ALONE), undefined);
      settled.delivered(event(4), 4);
      settled.delivered(heartbeat(5, 1_600), 5);
      assert.equal(settled.newest(ALONE), undefined);
      settled.settled(4);
      assert.equal(settled.newest(ALONE), 1_600);
    });
  });

  describe('when heartbeats are distrusted for the sake of another projector', () => {
    it('forgets nothing of what is in hand, and says so to the others', () => {
      const settled = heard(event(1), heartbeat(2, 1_000), heartbeat(3, 2_000));
      settled.distrust(1_500);
      assert.equal(settled.newest(ALONE), undefined);
      settled.settled(1);
      assert.deepEqual([settled.newest(ALONE), settled.returnedAt()], [2_000, 1_500]);
    });

    it('trusts its own where only the others have to be careful', () => {
      const settled = heard(heartbeat(2, 1_000));
      settled.warnOthers(1_500);
      assert.deepEqual([settled.newest(ALONE), settled.returnedAt()], [1_000, 1_500]);
    });
  });

  describe('when another projector has something in hand', () => {
    it('waits with the heartbeats that were received after that, and takes them up later', () => {
      const settled = heard(heartbeat(10, 1_000), heartbeat(20, 2_000));
      assert.equal(settled.newest({ publishedAfter: 0, receivedBefore: 15 }), 1_000);
      assert.equal(settled.newest({ publishedAfter: 0, receivedBefore: 15 }), undefined);
      assert.equal(settled.newest(ALONE), 2_000);
    });
  });
});

describe('trustIn', () => {
  const NOW = 1_000_000;
  const idle = { settledTo: NOW, at: NOW, returnedAt: 0 };
  const record = (instances: FreshnessRecord['instances']): FreshnessRecord => ({ asOf: 0, instances });

  it('is complete where no other projector is known', () => {
    assert.deepEqual(trustIn(record({ own: idle }), 'own', NOW), ALONE);
  });

  it('ends a second before what another one has not settled', () => {
    const busy = { ...idle, settledTo: NOW - 5_000 };
    assert.equal(trustIn(record({ idle, busy }), 'own', NOW).receivedBefore, NOW - 6_000);
  });

  it('begins where another one has given back what it held', () => {
    const returned = { ...idle, returnedAt: NOW - 3_000 };
    assert.equal(trustIn(record({ idle, returned }), 'own', NOW).publishedAfter, NOW - 3_000);
  });

  describe('when another one has said nothing for so long that it must be dead', () => {
    it('waits for it no more, and begins anew: what it held has gone back to the queue', () => {
      const dead = { settledTo: NOW - 200_000, at: NOW - 200_000, returnedAt: 0 };
      assert.deepEqual(trustIn(record({ dead }), 'own', NOW), { publishedAfter: NOW, receivedBefore: Infinity });
    });
  });

  describe('when another one has left in good order', () => {
    it('waits for nothing of it, and begins where its deliveries have come back', () => {
      const left = farewell(NOW - 60_000, NOW - 59_000);
      const { publishedAfter, receivedBefore } = trustIn(record({ left }), 'own', NOW);
      assert.equal(publishedAfter, NOW - 59_000);
      assert.ok(receivedBefore > NOW * 1_000);
    });
  });
});

describe('withoutGone', () => {
  const NOW = 1_000_000;
  const LONG_AGO = NOW - 200_000;
  const record = (instances: FreshnessRecord['instances']): FreshnessRecord => ({ asOf: 7, instances });

  it('keeps whoever has spoken lately, and itself', () => {
    const speaking = { settledTo: 5, at: NOW - 129_000, returnedAt: 9 };
    const all = record({ own: { ...speaking, at: LONG_AGO }, speaking });
    assert.deepEqual(withoutGone(all, 'own', NOW), { record: all, distrustedUntil: 0 });
  });

  it('drops a dead one, of which nobody knows when its deliveries came back', () => {
    const dead = { settledTo: 5, at: LONG_AGO, returnedAt: 9 };
    assert.deepEqual(withoutGone(record({ dead }), 'own', NOW), { record: record({}), distrustedUntil: NOW });
  });

  it('drops one that left long ago with what it said', () => {
    const left = farewell(LONG_AGO, NOW - 150_000);
    const { distrustedUntil } = withoutGone(record({ left }), 'own', NOW);
    assert.equal(distrustedUntil, NOW - 150_000);
  });
});
