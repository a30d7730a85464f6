import type { EventDelivery } from '../../src/broker/port.ts';
import type { OrderEvent, Refusal } from '../../src/order/event.ts';
import { DEFAULT_STORAGE_LIMITS } from '../../src/order/fold.ts';
import { searchStrings } from '../../src/order/search-text.ts';
import type { BatchDependencies, SettledOutcome } from '../../src/projector/project-batch.ts';
import { workOf, type Job, type Offer } from '../../src/projector/work.ts';
import { OrderLines } from '../../src/projector/order-lines.ts';
import { createStandbyPatience } from '../../src/projector/standby-patience.ts';
import { WriteSize } from '../../src/projector/write-size.ts';
import { WorkingSet } from '../../src/order/working-set.ts';
import { BLOCK, type MemoryIndex } from './memory-index.ts';

/** A projector instance for protocol tests: its own working set, and a record of what it settled and dead-lettered. */
export interface ProtocolInstance {
  readonly deps: BatchDependencies;
  readonly settled: Map<string, SettledOutcome>;
  readonly deadLetters: { offer: Offer; refusal: Refusal }[];
}

export function protocolInstance(index: MemoryIndex, overrides: Partial<BatchDependencies> = {}): ProtocolInstance {
  const settled = new Map<string, SettledOutcome>();
  const deadLetters: { offer: Offer; refusal: Refusal }[] = [];
  const deps: BatchDependencies = {
    index,
    workingSet: new WorkingSet({ maxOrders: 100, maxBytes: 10_000_000 }),
    lines: new OrderLines(),
    storageLimits: DEFAULT_STORAGE_LIMITS,
    now: () => new Date(),
    stringsOf: searchStrings,
    reached: () => Promise.resolve(),
    writeSize: new WriteSize(500),
    wrote: () => undefined,
    diverge: (generation) => {
      index.unregister(generation);
      return Promise.resolve();
    },
    standbyPatience: createStandbyPatience(() => performance.now()),
    writeBlock: (generation) => Promise.resolve(index.blocked.has(generation) ? BLOCK : undefined),
    mayHold: () => false,
    hold: () => undefined,
    deadLetterParked: (offer, refusal) => {
      deadLetters.push({ offer, refusal });
      return Promise.resolve(true);
    },
    isKeptParked: () => false,
    refuse: (offer, refusal) => {
      deadLetters.push({ offer, refusal });
      settled.set(keyOf(offer), 'dead_lettered');
    },
    settle: (job, outcome) => settled.set(keyOf(job), outcome),
    outage: () => undefined,
    pause: () => Promise.resolve(),
    ...overrides,
  };
  return { deps, settled, deadLetters };
}

function keyOf({ delivery }: Job): string {
  return String(delivery.position);
}

let positions = 0;

export function jobOf(orderId: string, event: OrderEvent): Job {
  const delivery: EventDelivery = {
    kind: 'event',
    position: (positions += 1),
    redeliveries: 0,
    body: new Uint8Array(),
  };
  return { origin: 'delivery', delivery, orderId, event, receivedAt: 0, receivedMs: 0 };
}

/** Event `sequence` of a plain order: placed, then one more tag with every event, so that every version has its own content. */
export function eventAt(sequence: number, id = `e${sequence}`): OrderEvent {
  const common = { id, source: '/test', time: `2026-01-01T00:00:${String(sequence).padStart(2, '0')}.000Z`, sequence };
  if (sequence > 1) return { ...common, type: 'order.tagged.v1', data: { add: [id], remove: [] } };
  const items = [{ sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: 100 }];
  const customer = { id: 'c-1', name: 'José' };
  const data = { customer, sellerId: 's-1', currency: 'EUR', items, totalCents: 100, tags: [] };
  return { ...common, type: 'order.placed.v2', data };
}

export function worksOf(orderId: string, sequences: readonly number[]) {
  return workOf(sequences.map((sequence) => jobOf(orderId, eventAt(sequence))));
}
