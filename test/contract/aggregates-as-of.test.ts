import assert from 'node:assert/strict';
import { createLogger } from '../../src/observability/logging.ts';
import type { DocumentWrite, OrderIndex } from '../../src/order-index/port.ts';
import { createRollupRecords } from '../../src/rollups/records.ts';
import { REVENUE_DAILY } from '../../src/rollups/revenue-daily.ts';
import { takeTurn, type RollupStep } from '../../src/rollups/turn.ts';
import { orderOf, paid, placed, refunded } from '../support/aggregate-stage.ts';
import { describeForEachBackend, type IndexPlace } from '../support/backends.ts';

const PAID_ON = '2026-03-02';
const REFUNDED_ON = '2026-03-03';
const EVENTS = [placed(PAID_ON), paid(PAID_ON, 100), refunded(REFUNDED_ON, 10)] as const;

describeForEachBackend('how fresh an aggregate says that it is', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  before(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
  });
  after(() => place.remove());

  async function write(...writes: DocumentWrite[]): Promise<void> {
    const outcomes = await index.write((await index.registry()).live, writes, 'live');
    assert(outcomes.every(({ kind }) => kind === 'written'));
  }

  describe('when an order is written again between the checkpoint and the search for what has changed', () => {
    it('is true of what was written first', async () => {
      const records = createRollupRecords(index, 'as of');
      let atCheckpoint = () => Promise.resolve();
      const deps = {
        ...{ index, records, countedFrom: 0, log: createLogger('silent'), keptFrom: () => undefined },
        asOf: () => Promise.resolve(`${PAID_ON}T12:00:00.000Z`),
        now: () => Date.now(),
        reached: (step: RollupStep) => (step === 'rollup checkpoint' ? atCheckpoint() : Promise.resolve()),
      };
      await write(orderOf('other', placed('2026-03-01'), paid('2026-03-01', 1)));
      while ((await takeTurn(REVENUE_DAILY, deps, { refresh: true })) === 'more');
      await write(orderOf('A', ...EVENTS.slice(0, 2)));
      atCheckpoint = async () => {
        await write(orderOf('A', ...EVENTS));
        await index.refresh();
      };
      await takeTurn(REVENUE_DAILY, deps, { refresh: true });
      const { live } = (await records.read(REVENUE_DAILY.name)).state;
      assert.equal(live?.asOf, `${PAID_ON}T12:00:00.000Z`);
      const rows = await index.aggregates.store(REVENUE_DAILY).rows({});
      assert.deepEqual(
        rows.map(({ day, revenueCents }) => [day, revenueCents]).filter(([day]) => day === PAID_ON),
        [[PAID_ON, 100]],
      );
    });
  });
});
