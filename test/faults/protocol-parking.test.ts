import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import { eventOf, openStage, type Stage } from '../support/protocol-stage.ts';
import { startService } from '../support/running-service.ts';

describe('the protocol of parking', function () {
  this.timeout(60_000);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.remove());

  const [first, second] = [eventOf('O-1', 1), eventOf('O-1', 2)];

  async function assertWhole(version = 2): Promise<void> {
    assert.equal(await stage.versionIn(1, 'O-1'), version);
    assert.equal(await stage.backend.countParked(), 0);
  }

  describe('when the hole fills after an early event was folded, and before it is parked (park-race-writer)', () => {
    it('is found by who has parked it', async () => {
      const parker = await stage.projector();
      const folded = parker.hold('folded');
      await stage.publish(second);
      await folded.arrived;
      const writer = await stage.projector();
      await stage.publish(first);
      await eventually(() => assert.ok(writer.passed.includes('before settling')));
      folded.release();
      await parker.untilSettled();
      await assertWhole();
    });
  });

  describe('when an early event is parked after the one before it was folded, and before that is written (park-race-parker)', () => {
    it('is found by who has written', async () => {
      const writer = await stage.projector();
      const folded = writer.hold('folded');
      await stage.publish(first);
      await folded.arrived;
      const parker = await stage.projector();
      await stage.publish(second);
      await eventually(() => assert.ok(parker.passed.includes('before settling')));
      assert.ok(parker.passed.includes('parked'));
      folded.release();
      await writer.untilSettled();
      await assertWhole();
    });
  });

  describe('when both have passed each other, since the event was parked in between (park-race)', () => {
    it('is applied once, whoever is faster', async () => {
      const [writer, parker] = [await stage.projector(), await stage.projector()];
      const holds = [writer, parker].map((one) => [one.hold('folded'), one.hold('looked again')] as const);
      await stage.publish(first, second);
      await Promise.all(holds.map(([folded]) => folded.arrived));
      for (const [folded] of holds) folded.release();
      await Promise.race(holds.map(([, again]) => again.arrived));
      for (const [, again] of holds) again.release();
      await writer.untilSettled();
      await assertWhole();
    });
  });

  describe('when a projector dies before its second look (unpark-early)', () => {
    it('leaves the parked event where it was, for who takes over', async () => {
      const parker = await stage.projector();
      await stage.publish(second);
      await parker.untilSettled();
      await parker.crash();
      const fault = { ORDER_SEARCH_FAULT_POINT: 'looked again#2:kill' };
      const service = await startService({ ...stage.environment, ...fault });
      await stage.publish(first);
      assert.equal(await service.ended, 'SIGKILL');
      assert.equal(await stage.versionIn(1, 'O-1'), 2);
      assert.equal(await stage.backend.countParked(), 1);
      const heir = await stage.projector({ sweepIntervalMs: 100 });
      await heir.untilSettled();
      await eventually(() => assertWhole());
    });
  });

  describe('when a projector that was cut off parks what another one has applied, and dies (park-leftover)', () => {
    it('is swept away', async () => {
      const stale = await stage.projector();
      const folded = stale.hold('folded');
      const parked = stale.hold('parked');
      await stage.publish(second);
      await folded.arrived;
      const other = await stage.projector({ sweepIntervalMs: 500 });
      await stage.publish(first, second);
      await eventually(() => assertWhole());
      folded.release();
      await parked.arrived;
      await stale.crash();
      await other.untilSettled();
      await eventually(() => assertWhole());
    });
  });

  describe('when a parked event is due and nobody comes for it (sweeper-only)', () => {
    it('is applied by the sweeper', async () => {
      const projector = await stage.projector({ sweepIntervalMs: 100 });
      await stage.publish(first);
      await projector.untilSettled();
      const { id, source, type, time, sequence, data } = second;
      const event = { id, source, type, time, sequence, data };
      await stage.index.park([{ orderId: 'O-1', event, parkedAt: '2026-01-01T00:00:00.000Z' }]);
      await eventually(() => assertWhole());
    });
  });
});
