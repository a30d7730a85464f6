import type { OrderEvent, PlacedData, PlacedPatch } from '../../src/order/event.ts';
import { documentOf } from '../../src/order/flatten.ts';
import { foldStored } from '../../src/order/fold.ts';
import type { AggregateDefinition, Aggregates, DocumentWrite, OrderIndex } from '../../src/order-index/port.ts';
import { SELLER_DAILY } from '../../src/rollups/seller-daily.ts';
import { BACKENDS } from './backends.ts';
import type { IndexPlace } from './backends.ts';
import { MemoryAggregates } from './memory-aggregates.ts';
import { registerGeneration } from './second-generation.ts';

/** Orders and what is derived from them. */
export interface AggregateStage {
  readonly aggregates: Aggregates;
  /** The live generation of the orders. */
  readonly orders: string;
  /** The kind of each outcome. */
  write(...writes: readonly DocumentWrite[]): Promise<readonly string[]>;
  /** The name of a generation of the orders that was dropped. */
  droppedOrders(): Promise<string>;
  /** As after a restart. */
  reopen(): Promise<void>;
  remove(): Promise<void>;
}

const STAGES: ReadonlyMap<string, () => Promise<AggregateStage>> = new Map([
  ...BACKENDS.map((backend) => [backend.name, () => stageIn(backend.index())] as const),
  ['in memory', () => Promise.resolve(memoryStage())],
]);

/** One suite for both backends, and for what stands for them in unit tests. `staged` is one for all tests of the suite. */
export function describeAggregates(title: string, suite: (staged: () => AggregateStage) => void): void {
  for (const [name, begin] of STAGES) {
    describe(`${title} (${name})`, () => {
      let stage: AggregateStage;
      before(async () => {
        stage = await begin();
      });
      after(() => stage.remove());
      suite(() => stage);
    });
  }
}

async function stageIn(place: IndexPlace): Promise<AggregateStage> {
  let index = await opened(place);
  const { generation } = (await index.registry()).live;
  return {
    get aggregates() {
      return index.aggregates;
    },
    orders: generation,
    async write(...writes) {
      return (await index.write((await index.registry()).live, writes, 'live')).map(({ kind }) => kind);
    },
    async droppedOrders() {
      const { registry, target } = await registerGeneration(index, 2);
      await index.generations.renameEpoch(registry.epoch, { unregister: [target.generation] });
      await index.generations.drop(target.generation);
      return target.generation;
    },
    async reopen() {
      await index.close();
      index = await opened(place);
    },
    remove: () => place.remove(),
  };
}

async function opened(place: IndexPlace): Promise<OrderIndex> {
  const index = place.instance();
  await index.open();
  return index;
}

function memoryStage(): AggregateStage {
  const aggregates = new MemoryAggregates();
  const orders = 'orders-000001';
  return {
    aggregates,
    orders,
    write: (...writes) =>
      Promise.resolve(
        writes.map(({ version, document }) => {
          const stored = aggregates.orders.get(orders)?.get(document.orderId)?.document.version ?? 0;
          if (stored >= version) return 'present';
          aggregates.put(orders, document);
          return 'written';
        }),
      ),
    droppedOrders: () => Promise.resolve('orders-000002'),
    reopen: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
}

/** An event of an order but for its place in it: what {@link orderOf} takes. */
export type Step = Pick<OrderEvent, 'type' | 'time' | 'data'>;

/** The document of an order after these steps. */
export function orderOf(orderId: string, ...steps: readonly Step[]): DocumentWrite {
  const events = steps.map((step, at): OrderEvent => ({
    id: `${orderId}:${at + 1}`,
    source: '/test',
    sequence: at + 1,
    ...step,
  }));
  const document = documentOf(foldStored(orderId, events), '2026-03-31T00:00:00.000Z');
  return { orderId, version: document.version, document };
}

/** `2026-03-01` or an instant. */
type When = string;

const instantOf = (when: When) => (when.includes('T') ? when : `${when}T12:00:00.000Z`);

export function placed(when: When, data: Partial<PlacedData> = {}): Step {
  const customer = { id: 'C-1', name: 'Ann' };
  const items = [{ sku: 'L', name: 'Lantern', quantity: 1, unitPriceCents: 100 }];
  const all = { customer, sellerId: 'S-1', currency: 'EUR', items, totalCents: 100, tags: [], ...data };
  return { type: 'order.placed.v2', time: instantOf(when), data: all };
}

export function paid(when: When, amountCents: number): Step {
  return { type: 'order.payment_captured.v1', time: instantOf(when), data: { amountCents } };
}

export function refunded(when: When, amountCents: number, refundId = 'r'): Step {
  return { type: 'order.refunded.v1', time: instantOf(when), data: { refundId, amountCents } };
}

export function corrected(when: When, patch: PlacedPatch): Step {
  return { type: 'order.corrected.v1', time: instantOf(when), data: { patch, reason: 'wrong' } };
}

export function erased(when: When): Step {
  return { type: 'order.erased.v1', time: instantOf(when), data: {} };
}

/** One with all dimensions and products, of other ones or of none where they are given. */
export function definitionOf(name: string, other: Partial<AggregateDefinition> = {}): AggregateDefinition {
  return { ...SELLER_DAILY, name, ...other };
}
