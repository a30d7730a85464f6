import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createLogger } from '../../../src/observability/logging.ts';
import { documentOf } from '../../../src/order/flatten.ts';
import { foldStored } from '../../../src/order/fold.ts';
import type { AggregateRow, Aggregates, Generations, OrderIndex, Registry } from '../../../src/order-index/port.ts';
import { createRollupRecords } from '../../../src/rollups/records.ts';
import { REVENUE_DAILY } from '../../../src/rollups/revenue-daily.ts';
import { SELLER_DAILY } from '../../../src/rollups/seller-daily.ts';
import { takeTurn, type TurnDependencies, type TurnOutcome } from '../../../src/rollups/turn.ts';
import { MemoryAggregates } from '../../support/memory-aggregates.ts';
import { MemoryControl } from '../../support/memory-control.ts';
import { plainRows } from '../../support/plain-aggregates.ts';
import { parsed } from '../order/parsed-events.ts';
import { cloudEvent, PLACED } from '../order/sample-events.ts';

/** What ends a leader's process. */
class Died extends Error {}

const BOTH = [REVENUE_DAILY, SELLER_DAILY];
const LEADERS = [0, 1] as const;
const TURNS = 12;
const ORDER_IDS = ['o-1', 'o-2', 'o-3'];

/** Something that happens beside the leaders. */
type Happening =
  /** Another event of an order is folded into every generation that is written to. */
  | { readonly kind: 'event'; readonly order: number }
  /** The orders are rebuilt, and readers moved to the new generation. */
  | { readonly kind: 'swap' }
  | { readonly kind: 'request' };

const happening = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('event' as const), order: fc.nat(ORDER_IDS.length - 1) }) },
  { weight: 1, arbitrary: fc.constant<Happening>({ kind: 'swap' }) },
  { weight: 1, arbitrary: fc.constant<Happening>({ kind: 'request' }) },
);
/** Each with how many steps lie before it, so that they are spread over the leaders' turns. */
const happenings = fc.array(fc.tuple(happening, fc.nat(40)), { minLength: 1, maxLength: 20 });
/** Few days, sellers and products, so that orders meet in rows and leave them again. */
const change = fc.oneof(
  fc.record({ type: fc.constant('order.payment_captured.v1'), data: fc.record({ amountCents: fc.nat(1_000) }) }),
  fc.record({
    type: fc.constant('order.refunded.v1'),
    data: fc.record({ refundId: fc.constantFrom('r-1', 'r-2'), amountCents: fc.nat(1_000) }),
  }),
  fc.record({
    type: fc.constant('order.corrected.v1'),
    data: fc.record({ patch: fc.record({ sellerId: fc.constantFrom('s-1', 's-2') }), reason: fc.constant('a test') }),
  }),
  { weight: 1, arbitrary: fc.constant({ type: 'order.erased.v1', data: {} }) },
);
const day = fc.constantFrom('2011-01-01T10:00:00.000Z', '2011-01-02T10:00:00.000Z');
const historyOf = (orderId: string) =>
  fc
    .array(fc.tuple(change, day), { minLength: 2, maxLength: 7 })
    .map((changes) => [
      cloudEvent(1, 'order.placed.v2', { ...PLACED, sellerId: 's-1' }, { subject: orderId }),
      ...changes.map(([{ type, data }, time], index) => cloudEvent(index + 2, type, data, { subject: orderId, time })),
    ]);
const histories = fc.tuple(...ORDER_IDS.map(historyOf));
/** After so many steps, counted over all of its lives, a leader dies. */
const deaths = fc.array(fc.nat(300), { maxLength: 6 });

class World {
  readonly aggregates = new MemoryAggregates();
  readonly control = new MemoryControl();
  readonly index: Pick<OrderIndex, 'registry' | 'generations' | 'aggregates'>;
  #orders = ['orders-000001'];
  readonly #histories: readonly ReturnType<typeof parsed>[];
  readonly #told = ORDER_IDS.map(() => 0);

  constructor(histories: readonly ReturnType<typeof parsed>[]) {
    this.#histories = histories;
    this.index = {
      aggregates: this.aggregates,
      registry: () => Promise.resolve(this.#registry()),
      generations: {
        origin: (name: string) => Promise.resolve({ createdAt: name, foldVersion: 5 }),
      } as unknown as Generations,
    };
  }

  get live(): string {
    return this.#orders.at(-1) ?? '';
  }

  #registry(): Registry {
    const targets = this.#orders.map((generation) => ({ generation, address: generation }));
    return { epoch: 1, live: { generation: this.live, address: this.live }, targets };
  }

  happen(one: Happening): void {
    if (one.kind === 'request') {
      void this.control.writeControl(`rollup-request:${SELLER_DAILY.name}`, {
        id: `run-${this.#told.join()}`,
        paused: false,
      });
    } else if (one.kind === 'swap') {
      const next = `orders-${String(this.#orders.length + 1).padStart(6, '0')}`;
      const documents = [...(this.aggregates.orders.get(this.live)?.values() ?? [])].map(({ document }) => document);
      this.aggregates.put(next, ...documents);
      this.#orders = [...this.#orders, next];
    } else this.#fold(one.order);
  }

  #fold(order: number): void {
    const told = Math.min((this.#told[order] ?? 0) + 1, this.#histories[order]?.length ?? 0);
    this.#told[order] = told;
    const state = foldStored(ORDER_IDS[order] ?? '', this.#histories[order]?.slice(0, told) ?? []);
    for (const generation of this.#orders)
      this.aggregates.put(generation, documentOf(state, '2030-01-01T00:00:00.000Z'));
  }

  deps(writer: string): TurnDependencies {
    return {
      index: this.index,
      records: createRollupRecords(this.control, writer),
      asOf: () => Promise.resolve('2030-01-01T00:00:00.000Z'),
      keptFrom: () => undefined,
      countedFrom: 5,
      now: () => 0,
      reached: () => Promise.resolve(),
      log: createLogger('silent'),
    };
  }

  /** What readers see, and what they should: rows of zeros aside. */
  rows() {
    return BOTH.map((aggregate) => {
      const store = this.aggregates.stores.get(aggregate.name);
      const seen = store?.generations.get(store.live ?? '')?.visible ?? new Map<string, AggregateRow>();
      const documents = [...(this.aggregates.orders.get(this.live)?.values() ?? [])].map(({ document }) => document);
      return { seen: contributing(seen), expected: contributing(plainRows(aggregate, documents)) };
    });
  }
}

function contributing(rows: ReadonlyMap<string, AggregateRow>): Map<string, AggregateRow> {
  const isSomething = ({ orders, refundCount, products = [] }: AggregateRow) =>
    orders + refundCount + products.length > 0;
  return new Map([...rows].filter(([, row]) => isSomething(row)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Takes turns with both aggregates, and begins anew wherever it dies or loses the lead. */
async function lead(number: number, world: World, scheduler: fc.Scheduler, dieAt: readonly number[]): Promise<void> {
  let steps = 0;
  const step = async () => {
    await scheduler.schedule(Promise.resolve());
    steps += 1;
    if (dieAt.includes(steps)) throw new Died();
  };
  const { source, store } = world.aggregates;
  const aggregates: Aggregates = { source: stepping(source, step), store: (one) => stepping(store(one), step) };
  for (let turn = 0; turn < TURNS; turn++) {
    const deps = world.deps(`leader-${number}-${turn}`);
    try {
      for (const aggregate of BOTH)
        await takeTurn(aggregate, { ...deps, index: { ...world.index, aggregates }, reached: step }, { refresh: true });
    } catch (error) {
      const isExpected = error instanceof Died || (error instanceof Error && 'code' in error);
      if (!isExpected) throw error;
    }
  }
}

/** Every call is a step, before it takes effect and before its answer. */
function stepping<T extends object>(target: T, step: () => Promise<void>): T {
  const methods = Object.entries(target as Record<string, (...all: unknown[]) => Promise<unknown>>);
  return Object.fromEntries(
    methods.map(([name, method]) => [
      name,
      async (...parameters: unknown[]) => {
        await step();
        const answer = await method(...parameters);
        await step();
        return answer;
      },
    ]),
  ) as unknown as T;
}

async function settle(world: World): Promise<void> {
  for (const aggregate of BOTH) {
    let outcome: TurnOutcome = 'more';
    for (let turn = 0; outcome !== 'rested'; turn++) {
      assert(turn < 50, 'it never rests');
      outcome = await takeTurn(aggregate, world.deps('the last one'), { refresh: true });
    }
  }
}

describe('leaders that take turns, stall and die, while orders are written and rebuilt', () => {
  it('leave every row as a plain sum over the orders has it', async function () {
    this.timeout(120_000);
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        histories,
        happenings,
        fc.tuple(deaths, deaths),
        async (scheduler, told, happened, dieAt) => {
          const world = new World(told.map(parsed));
          world.happen({ kind: 'event', order: 0 });
          const running = [
            ...LEADERS.map((number) => lead(number, world, scheduler, dieAt[number])),
            (async () => {
              for (const [one, steps] of happened) {
                for (let step = 0; step < steps; step++) await scheduler.schedule(Promise.resolve());
                world.happen(one);
              }
            })(),
          ];
          await scheduler.waitFor(Promise.all(running));
          await settle(world);
          for (const { seen, expected } of world.rows()) assert.deepEqual(seen, expected);
        },
      ),
      { numRuns: 150 },
    );
  });
});
