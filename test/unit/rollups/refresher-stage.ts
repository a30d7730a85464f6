import { createLogger } from '../../../src/observability/logging.ts';
import type { Lease } from '../../../src/order-index/lease.ts';
import type { Generations, OrderIndex } from '../../../src/order-index/port.ts';
import { createRollupRecords, type RollupRecords } from '../../../src/rollups/records.ts';
import { Refresher, type RefresherOptions } from '../../../src/rollups/refresher.ts';
import { REVENUE_DAILY } from '../../../src/rollups/revenue-daily.ts';
import type { LiveRollup, RollupState } from '../../../src/rollups/state.ts';
import { orderOf, paid, placed } from '../../support/aggregate-stage.ts';
import { MemoryAggregates } from '../../support/memory-aggregates.ts';
import { MemoryControl } from '../../support/memory-control.ts';

export const ORDERS = 'orders-000001';
const TARGET = { generation: ORDERS, address: ORDERS };

/** An aggregate in memory, and refreshers of it. */
export class RefresherStage {
  readonly aggregates = new MemoryAggregates();
  readonly control = new MemoryControl();
  readonly store = this.aggregates.store(REVENUE_DAILY);
  readonly index: Pick<OrderIndex, 'registry' | 'generations' | 'aggregates'> = {
    aggregates: this.aggregates,
    registry: () => Promise.resolve({ epoch: 1, live: TARGET, targets: [TARGET] }),
    generations: {
      origin: (name: string) => Promise.resolve({ createdAt: name, foldVersion: 5 }),
    } as unknown as Generations,
  };
  /** Every state that was kept. */
  readonly kept: RollupState[] = [];
  readonly records: RollupRecords = this.#remembering(createRollupRecords(this.control, 'test'));
  readonly #refreshers: Refresher[] = [];

  /** One more; it leads unless it is given another lease. */
  refresher(options: Partial<RefresherOptions> = {}): Refresher {
    const { index, records } = this;
    const refresher = new Refresher({
      ...{ index, records, aggregates: [REVENUE_DAILY], intervalMs: 5, countedFrom: 5, lease: leaseOf(() => true) },
      asOf: () => Promise.resolve('2026-01-01T00:00:00.000Z'),
      keptFrom: () => undefined,
      isBehind: () => Promise.resolve(false),
      onLead: () => undefined,
      onFailure: () => undefined,
      onRefreshed: () => undefined,
      now: () => Date.now(),
      reached: () => Promise.resolve(),
      log: createLogger('silent'),
      ...options,
      // Tests count how often the lease is asked for.
      timing: { renewMs: 60_000, ...options.timing },
    });
    this.#refreshers.push(refresher);
    return refresher;
  }

  #remembering(records: RollupRecords): RollupRecords {
    return {
      ...records,
      replace: async (aggregate, kept, state) => {
        const replaced = await records.replace(aggregate, kept, state);
        if (replaced) this.kept.push(state);
        return replaced;
      },
    };
  }

  /** An order that is paid with 100 on that day. */
  put(orderId: string, day: string): void {
    this.aggregates.put(ORDERS, orderOf(orderId, placed(day), paid(day, 100)).document);
  }

  async live(): Promise<LiveRollup | undefined> {
    return (await this.records.read(REVENUE_DAILY.name)).state.live;
  }

  /** Of each day that readers see its orders. */
  async seen(): Promise<Record<string, number>> {
    const rows = await this.store.rows({});
    return Object.fromEntries(rows.map(({ day = '', orders }) => [day, orders]));
  }

  /** How often a step was taken. */
  count(step: string): number {
    return this.aggregates.steps.filter((taken) => taken === step).length;
  }

  async stop(): Promise<void> {
    this.aggregates.before = () => Promise.resolve();
    for (const refresher of this.#refreshers) await refresher.stop();
  }
}

export function leaseOf(hold: () => boolean, release: () => void = () => undefined): Lease {
  return {
    hold: () => Promise.resolve(hold()),
    release: () => {
      release();
      return Promise.resolve();
    },
  };
}
