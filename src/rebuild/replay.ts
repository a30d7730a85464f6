import { allEnded } from '../back-off/all-ended.ts';
import { pause } from '../back-off/pause.ts';
import { foldStored, identityOf, newOrder, type OrderState, type StorageLimits } from '../order/fold.ts';
import { parseEvent } from '../order/parse-event.ts';
import { readRefusedSkip } from '../order/refused-skip.ts';
import { rememberStrings } from '../order/remember-strings.ts';
import { sequence } from '../order/sequencing.ts';
import { WorkingSet } from '../order/working-set.ts';
import { documentWrite } from '../order-index/document-write.ts';
import { loadDocuments } from '../order-index/load-documents.ts';
import { parkedPages } from '../order-index/parked-pages.ts';
import { compareOrderIds, type DocumentWrite } from '../order-index/port.ts';
import { collectSkips, type Skips } from './declared-missing.ts';
import { EventSourceError, type EventSource, type SourceEvent } from './event-source.ts';
import { EarlyEvents, type Replayed } from './early-events.ts';
import { markAt, sameSource } from './read-mark.ts';
import type { RebuildIndex, ReplayProgress, RunState } from './state.ts';
import { throughShortOutage } from './short-outage.ts';
import { MAX_NAMED, targetOf, writeUntilStored } from './write-until-stored.ts';

export interface ReplayDependencies {
  readonly index: RebuildIndex;
  readonly source: EventSource;
  readonly maxMessageBytes: number;
  readonly storageLimits: StorageLimits;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ReplayProgress) => void;
  readonly reached: (point: 'rebuild page') => Promise<void>;
  /** At most so many events are folded and written together; by default 2,000. */
  readonly pageEvents?: number;
}

const PAGE_EVENTS = 2_000;
const PAGE_BYTES = 4 * 1024 * 1024;
/** An event that is further behind what was read last, and still early, is parked: nobody wants to read all that again after a crash. */
const MAX_WAIT_POSITIONS = 50_000;
/** Events at once, of up to 4 MiB each. */
const PARKED_PAGE = 20;
/** Parts of a page, by order, that are folded and written side by side. */
const LANES = 3;
const WORKING_SET = { maxOrders: 10_000, maxBytes: 64 * 1024 * 1024 };
/** How long an order's first event may come after a later one of it, where events go on coming. */
const LATE_MS = 10_000;
const LOOK_MS = 250;

/**
 * Folds a source's events onto what the generation has already, which is all that the live one had (design §3: of two events at one
 * sequence the live document's stands). Order by order it is the fold of the projector; what comes early is held in memory until its
 * hole fills, and the position does not pass it until it is written or parked.
 * @throws RefusedError, LostTargetError, IndexUnavailableError, BrokerUnavailableError, EventSourceError, the signal's reason
 */
export async function replay(run: RunState, deps: ReplayDependencies): Promise<ReplayProgress> {
  const { replay: before, request } = run;
  const whole = sameSource(deps.source.readWhole(deps.signal), before.mark, request.source);
  const skips = await collectSkips(whole, deps);
  const folding = new Replay(run, skips, deps);
  await folding.readFrom(before.position);
  const endOfFirstReading = folding.next();
  const givenUpAt = performance.now() + LATE_MS;
  // Out of order, an order's first event may stand behind that end, and so be no gap of the history.
  while (
    deps.source.grows === true &&
    performance.now() < givenUpAt &&
    (await folding.lacksBeginnings(endOfFirstReading))
  ) {
    await pause(LOOK_MS, deps.signal);
    await folding.readFrom(folding.next());
  }
  return await folding.end(endOfFirstReading);
}

class Replay {
  readonly #generation: string;
  readonly #allowPartial: boolean;
  readonly #skips: Skips;
  readonly #deps: ReplayDependencies;
  readonly #early = new EarlyEvents();
  readonly #stringsOf = rememberStrings();
  readonly #states = new WorkingSet(WORKING_SET);
  #progress: ReplayProgress;
  #next: number;
  #hasEvents: boolean;
  #firstRefusal: string | undefined;

  constructor({ generation, request, replay: progress }: RunState, skips: Skips, deps: ReplayDependencies) {
    this.#generation = generation;
    this.#allowPartial = request.allowPartial;
    this.#skips = skips;
    this.#deps = deps;
    this.#progress = progress;
    this.#next = progress.position;
    this.#hasEvents = progress.processed > progress.unparseable;
  }

  /** After everything that was read. */
  next(): number {
    return this.#next;
  }

  /** Up to what is the end when it begins. */
  async readFrom(position: number): Promise<void> {
    const { source, signal, pageEvents = PAGE_EVENTS } = this.#deps;
    let page: SourceEvent[] = [];
    let bytes = 0;
    for await (const message of source.read(position, signal)) {
      if (readRefusedSkip(message.body)) continue;
      page.push(message);
      bytes += message.body.byteLength;
      if (page.length < pageEvents && bytes < PAGE_BYTES) continue;
      await this.#add(page);
      page = [];
      bytes = 0;
    }
    await this.#add(page);
  }

  /** Whether there are orders of which events before a position were read, and their first ones nowhere. */
  async lacksBeginnings(before: number): Promise<boolean> {
    const held = this.#early.heldBefore(before).map(({ orderId }) => orderId);
    return (await this.#withoutBeginning([...new Set(held)])).length > 0;
  }

  async #add(page: readonly SourceEvent[]): Promise<void> {
    const last = page.at(-1);
    if (last === undefined) return;
    const events = page.flatMap((message) => this.#parse(message));
    this.#hasEvents ||= events.length > 0;
    await this.#foldSpread(Map.groupBy(events, ({ orderId }) => orderId));
    await this.#parkWhatWaitsForLong(last.position);
    const position = Math.min(this.#early.oldest(), last.position + 1);
    this.#next = last.position + 1;
    this.#progress = { ...this.#count(page, events), position, ...readTo(last, events.at(-1)) };
    const total = await this.#deps.source.total();
    if (total !== undefined) this.#progress = { ...this.#progress, total: Math.max(total, this.#progress.processed) };
    await this.#deps.reached('rebuild page');
    this.#deps.onProgress(this.#progress);
  }

  /** With a page that was read; what was read before a crash, and is again since an event before it was held, counts once. */
  #count(page: readonly SourceEvent[], events: readonly Replayed[]): ReplayProgress {
    const { mark, processed, unparseable } = this.#progress;
    const isNew = ({ position }: { readonly position: number }) => position > (mark?.position ?? -1);
    const fresh = page.filter(isNew);
    const last = fresh.at(-1);
    return {
      ...this.#progress,
      processed: processed + fresh.length,
      unparseable: unparseable + fresh.length - events.filter(isNew).length,
      ...(last && { mark: markAt(last) }),
    };
  }

  /**
   * What is left waits for events that are nowhere, or not there yet: it is parked, like what comes early from the queue. Orders count
   * as lacking their beginning by what stood before the end of the first reading: what came later is newer than the rebuild.
   * @throws EventSourceError where nothing of it is an event
   */
  async end(endOfFirstReading: number): Promise<ReplayProgress> {
    const { processed, hasParked = false } = this.#progress;
    if (!this.#hasEvents && this.#firstRefusal !== undefined) {
      throw new EventSourceError(
        `nothing of ${processed} messages is an event of an order; the first, ${this.#firstRefusal}`,
      );
    }
    const held = new Set(this.#early.heldBefore(endOfFirstReading).map(({ orderId }) => orderId));
    const lacking = new Set(await this.#withoutBeginning([...held]));
    if (hasParked) for (const orderId of await this.#parkedWithoutBeginning(held)) lacking.add(orderId);
    if (lacking.size > 0) await this.#leaveOutRefused(lacking);
    const withoutBeginning = lacking.size;
    const left = this.#early.takeAll();
    if (withoutBeginning === 0 || this.#allowPartial) await this.#park(left);
    const namedWithoutBeginning = [...lacking].sort(compareOrderIds).slice(0, MAX_NAMED);
    this.#progress = { ...this.#progress, total: processed, withoutBeginning, namedWithoutBeginning, done: true };
    return this.#progress;
  }

  /** The position never waits for long, nor does the memory grow with what is nowhere. */
  async #parkWhatWaitsForLong(position: number): Promise<void> {
    const events = this.#early.isFull() ? this.#early.takeAll() : this.#early.takeBefore(position - MAX_WAIT_POSITIONS);
    if (events.length === 0) return;
    await this.#park(events);
    this.#progress = { ...this.#progress, hasParked: true };
  }

  #parse({ body, position }: SourceEvent): Replayed[] {
    const parsed = parseEvent(body, this.#deps);
    if (parsed.kind === 'refused') {
      const { reason, path, message } = parsed.refusal;
      this.#firstRefusal ??= `at ${position}: ${reason}${path === '' ? '' : `, ${path}`} ${message}`;
      return [];
    }
    const { orderId, event } = parsed;
    return [{ orderId, event, position, bytes: body.byteLength }];
  }

  /** Orders know nothing of one another: while some are read or written, others are folded. Resolves when none is under way any more. */
  async #foldSpread(byOrder: ReadonlyMap<string, readonly Replayed[]>): Promise<void> {
    const orders = [...byOrder];
    const size = Math.max(1, Math.ceil(orders.length / LANES));
    const lanes = Array.from({ length: Math.ceil(orders.length / size) }, (_, lane) =>
      this.#fold(new Map(orders.slice(lane * size, (lane + 1) * size))),
    );
    await allEnded(lanes);
  }

  async #fold(byOrder: ReadonlyMap<string, readonly Replayed[]>): Promise<void> {
    const known = await this.#load([...byOrder.keys()]);
    const writes: DocumentWrite[] = [];
    for (const [orderId, events] of byOrder) {
      const before = known.get(orderId) ?? newOrder(orderId);
      const offered = [...this.#early.take(orderId), ...events.filter((one) => !this.#isExcluded(one))];
      const { state, placements } = sequence(before, offered, this.#deps.storageLimits);
      this.#early.hold(offered.filter((one) => placements.get(one)?.kind === 'early'));
      this.#states.keep(state);
      if (state.version > before.version) writes.push(documentWrite(state, this.#deps.now(), this.#stringsOf));
    }
    await writeUntilStored(this.#deps.index, this.#generation, writes, this.#deps.signal);
  }

  /** A skip is published after the event that it stands for may have reached the history, and not the queue. */
  #isExcluded({ orderId, event, position }: Replayed): boolean {
    return this.#skips.excludes(orderId, event, position);
  }

  /** What the generation has of these orders; new ones are not in it. */
  async #load(orderIds: readonly string[]): Promise<ReadonlyMap<string, OrderState>> {
    const known = new Map<string, OrderState>();
    const unknown: string[] = [];
    for (const orderId of orderIds) {
      const state = this.#states.state(orderId);
      if (state) known.set(orderId, state);
      else unknown.push(orderId);
    }
    if (unknown.length === 0) return known;
    const documents = await this.#documents(unknown);
    for (const [orderId, { events, aggregateKeys }] of documents)
      known.set(orderId, foldStored(orderId, events, aggregateKeys));
    return known;
  }

  async #documents(orderIds: readonly string[]): ReturnType<typeof loadDocuments> {
    const { index, signal } = this.#deps;
    return await throughShortOutage(
      async () => await loadDocuments(index, await targetOf(index, this.#generation), orderIds),
      signal,
    );
  }

  /** Of an order that is erased nothing but their places. */
  async #park(events: readonly Replayed[]): Promise<void> {
    const parkedAt = this.#deps.now().toISOString();
    for (let from = 0; from < events.length; from += PAGE_EVENTS) {
      const some = events.slice(from, from + PAGE_EVENTS);
      const known = await this.#load([...new Set(some.map(({ orderId }) => orderId))]);
      const isErased = (orderId: string) => known.get(orderId)?.erasedAt !== undefined;
      const parked = some.map(({ orderId, event }) => {
        return { orderId, event: isErased(orderId) ? identityOf(event) : event, parkedAt };
      });
      await throughShortOutage(() => this.#deps.index.park(parked), this.#deps.signal);
    }
  }

  /** Of what is parked, whoever parked it; one that is known already is left out. */
  async #parkedWithoutBeginning(counted: ReadonlySet<string>): Promise<string[]> {
    const lacking: string[] = [];
    let lastOrder: string | undefined;
    for await (const page of parkedPages(this.#deps.index, PARKED_PAGE)) {
      this.#deps.signal.throwIfAborted();
      const orderIds = new Set(page.map(({ orderId }) => orderId).filter((orderId) => !counted.has(orderId)));
      // It may go on from one page to the next.
      if (lastOrder !== undefined) orderIds.delete(lastOrder);
      lacking.push(...(await this.#withoutBeginning([...orderIds])));
      lastOrder = page.at(-1)?.orderId;
    }
    return lacking;
  }

  async #withoutBeginning(orderIds: readonly string[]): Promise<string[]> {
    const lacking: string[] = [];
    for (let from = 0; from < orderIds.length; from += PAGE_EVENTS) {
      const some = orderIds.slice(from, from + PAGE_EVENTS);
      const documents = await this.#documents(some);
      lacking.push(...some.filter((orderId) => !documents.has(orderId)));
    }
    return lacking;
  }

  /**
   * Where the first message of an order was refused, no other source has a better one: the projector refused it
   * too, and has its later events parked. All is read once more for it, since what was read before a crash no longer says whose it was.
   */
  async #leaveOutRefused(lacking: Set<string>): Promise<void> {
    const { source, signal } = this.#deps;
    for await (const { body } of source.readWhole(signal)) {
      const parsed = parseEvent(body, this.#deps);
      if (parsed.kind !== 'refused') continue;
      const { orderId, sequence = 1 } = parsed.hints;
      if (orderId !== undefined && sequence === 1) lacking.delete(orderId);
    }
  }
}

/** Where the broker does not say when it took a message, the event's own time is about it. */
function readTo({ publishedAt }: SourceEvent, last: Replayed | undefined): { readonly readTo?: number } {
  const at = publishedAt?.getTime() ?? (last && Date.parse(last.event.time));
  return at === undefined ? {} : { readTo: at };
}
