import type { OrderDocument } from '../../src/order/document.ts';
import { identityOf } from '../../src/order/fold.ts';
import type {
  DocumentWrite,
  LoadResult,
  OrderIndex,
  ParkedEvent,
  ParkedPlace,
  ParkOutcome,
  Registry,
  TakenPlace,
  WriteOutcome,
  WriteTarget,
} from '../../src/order-index/port.ts';

type ProjectedIndex = Pick<
  OrderIndex,
  | 'registry'
  | 'load'
  | 'write'
  | 'park'
  | 'parkedAt'
  | 'unpark'
  | 'stripParked'
  | 'listParked'
  | 'listParkedPlaces'
  | 'forgetOrder'
>;

/** As an operator sets it, or a swap. */
export const BLOCK = 'index.blocks.write';

/**
 * What the projector sees of an index, in memory, with every call one atomic step between two scheduling points: the grain of
 * `docs/model/model.py`. Tests add generations, and put outages and refusals in the way.
 */
export class MemoryIndex implements ProjectedIndex {
  epoch = 1;
  live = 'orders-000001';
  targets = ['orders-000001'];
  readonly generations = new Map<string, Map<string, OrderDocument>>([['orders-000001', new Map()]]);
  readonly parked = new Map<string, ParkedEvent>();
  /** Called before each step takes effect; may wait, and may throw. */
  before: (step: string) => Promise<void> = () => Promise.resolve();
  /** What stands in the way of one document; undefined lets it through. */
  obstacle: (generation: string, write: DocumentWrite) => WriteOutcome | undefined = () => undefined;
  /** Generations that writes are kept from. */
  readonly blocked = new Set<string>();
  readonly forgotten: string[] = [];
  readonly writes: { generation: string; orderId: string; version: number; outcome: string }[] = [];

  async registry(): Promise<Registry> {
    await this.before('registry');
    const targets = this.targets.filter((name) => name !== this.live).map((name) => this.#target(name));
    return { epoch: this.epoch, live: this.#target(this.live), targets: [...targets, this.#target(this.live)] };
  }

  async load(from: WriteTarget, orderIds: readonly string[]): Promise<LoadResult> {
    await this.before('load');
    const generation = this.generations.get(from.generation);
    if (!generation) return { kind: 'moved', reason: `${from.generation} is gone` };
    const found = orderIds.flatMap((id) => {
      const document = generation.get(id);
      return document ? [[id, document] as const] : [];
    });
    return { kind: 'loaded', documents: new Map(found) };
  }

  async write(target: WriteTarget, writes: readonly DocumentWrite[]): Promise<WriteOutcome[]> {
    await this.before('write');
    return writes.map((write) => {
      const outcome = this.#writeOne(target, write);
      const { orderId, version } = write;
      this.writes.push({ generation: target.generation, orderId, version, outcome: outcome.kind });
      return outcome;
    });
  }

  async park(events: readonly ParkedEvent[]): Promise<ParkOutcome[]> {
    await this.before('park');
    return events.map((parked) => {
      const key = keyOf({ orderId: parked.orderId, sequence: parked.event.sequence });
      const taken = this.parked.get(key);
      if (taken) return { kind: 'taken', by: taken.event };
      this.parked.set(key, parked);
      return { kind: 'parked' };
    });
  }

  async parkedAt(places: readonly ParkedPlace[]): Promise<ParkedEvent[]> {
    await this.before('parkedAt');
    return places.flatMap((place) => this.parked.get(keyOf(place)) ?? []);
  }

  async unpark(places: readonly ParkedPlace[]): Promise<void> {
    await this.before('unpark');
    for (const place of places) this.parked.delete(keyOf(place));
  }

  async stripParked(places: readonly ParkedPlace[]): Promise<void> {
    await this.before('stripParked');
    for (const place of places) {
      const parked = this.parked.get(keyOf(place));
      if (parked) this.parked.set(keyOf(place), { ...parked, event: identityOf(parked.event) });
    }
  }

  listParked(page: { after?: ParkedPlace; size: number }): Promise<ParkedEvent[]> {
    return Promise.resolve(this.#parked(page));
  }

  listParkedPlaces(page: { after?: ParkedPlace; size: number }): Promise<TakenPlace[]> {
    const places = this.#parked(page).map(({ orderId, event: { sequence }, parkedAt }) => ({
      orderId,
      sequence,
      parkedAt,
    }));
    return Promise.resolve(places);
  }

  #parked({ after, size }: { after?: ParkedPlace; size: number }): ParkedEvent[] {
    const isAfter = ({ orderId, event: { sequence } }: ParkedEvent) =>
      !after || orderId > after.orderId || (orderId === after.orderId && sequence > after.sequence);
    const byPlace = (a: ParkedEvent, b: ParkedEvent) =>
      a.orderId < b.orderId ? -1 : a.orderId > b.orderId ? 1 : a.event.sequence - b.event.sequence;
    return [...this.parked.values()].filter(isAfter).sort(byPlace).slice(0, size);
  }

  forgetOrder(orderId: string): Promise<void> {
    this.forgotten.push(orderId);
    return Promise.resolve();
  }

  /** Adds a generation as a write target, as a rebuild registers one, under the next epoch. */
  register(name: string): void {
    this.generations.set(name, new Map());
    this.targets.push(name);
    this.epoch += 1;
  }

  /** Takes a write target out, as one that has diverged. */
  unregister(name: string): void {
    this.targets = this.targets.filter((target) => target !== name);
    this.epoch += 1;
  }

  /** Copies what the live generation holds by blind external-version writes, as a rebuild does. */
  copyTo(name: string): void {
    const target = this.generations.get(name);
    for (const [orderId, document] of this.generations.get(this.live) ?? []) {
      if ((target?.get(orderId)?.version ?? 0) < document.version) target?.set(orderId, document);
    }
  }

  #target(generation: string): WriteTarget {
    return { generation, address: `${generation}-w${this.epoch}` };
  }

  #writeOne(target: WriteTarget, write: DocumentWrite): WriteOutcome {
    const generation = this.generations.get(target.generation);
    const isCurrent = target.address === `${target.generation}-w${this.epoch}`;
    if (!generation || !isCurrent) return { kind: 'moved', reason: `${target.address} is gone` };
    if (this.blocked.has(target.generation)) return { kind: 'moved', reason: BLOCK };
    const obstacle = this.obstacle(target.generation, write);
    if (obstacle) return obstacle;
    if ((generation.get(write.orderId)?.version ?? 0) >= write.version) return { kind: 'present' };
    generation.set(write.orderId, structuredClone(write.document));
    return { kind: 'written' };
  }
}

function keyOf({ orderId, sequence }: ParkedPlace): string {
  return JSON.stringify([orderId, sequence]);
}
