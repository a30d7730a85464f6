import type { Broker, HistoryMessage, HistoryStart, OutgoingEvent } from '../broker/port.ts';
import { textOf } from '../order/decode-json.ts';
import { parseEvent } from '../order/parse-event.ts';
import { sizeOf, without, type OrderGap, type SequenceRange } from './gaps.ts';

export interface HistoryScanDependencies {
  readonly broker: Pick<Broker, 'publish' | 'readHistory'>;
  readonly maxMessageBytes: number;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

export interface HistoryScan {
  /** Messages looked at. */
  readonly scanned: number;
  /** Missing sequences of which the history has an event. */
  readonly found: number;
  /** Of these: published again, confirmed. The others are no longer what the contract takes. */
  readonly republished: number;
  /** What was not republished, by order; orders that lack nothing more are absent. */
  readonly stillMissing: ReadonlyMap<string, readonly SequenceRange[]>;
}

/** Producers' clocks and the broker's differ, and a retry is as old as its event. */
const MARGIN_MS = 3_600_000;
const PUBLISH_AT_ONCE = 200;
const PUBLISH_BYTES = 4 * 1024 * 1024;

/**
 * Looks for all missing events in one reading of the history and publishes them again through the exchange, like any other. It begins
 * where the oldest hole can begin; where something is not found from there on, what comes before is read too, so that nothing is
 * called missing that the history has.
 * @throws BrokerUnavailableError, UnroutableError, the signal's reason
 */
export async function republishFromHistory(
  gaps: readonly OrderGap[],
  deps: HistoryScanDependencies,
): Promise<HistoryScan> {
  const search = new Search(gaps, deps);
  const from = startOf(gaps, deps.now());
  await search.read(from, Infinity);
  if (from.kind !== 'first' && search.isLacking()) await search.read({ kind: 'first' }, search.lowestOffset);
  return search.result();
}

/**
 * Where the oldest hole can begin. What is missing happened after the last event that its document has, and was published after it
 * happened; nothing is known of an order without a document, nor where that event's time is later than the parking of its successors.
 */
export function startOf(gaps: readonly OrderGap[], now: Date): HistoryStart {
  let earliestMs = now.getTime();
  for (const { lastEventAt, oldestParkedAt } of gaps) {
    if (lastEventAt === undefined || lastEventAt > oldestParkedAt) return { kind: 'first' };
    earliestMs = Math.min(earliestMs, Date.parse(lastEventAt));
  }
  return { kind: 'time', at: new Date(earliestMs - MARGIN_MS) };
}

interface Wanted {
  readonly missing: readonly SequenceRange[];
  readonly size: number;
  readonly seen: Set<number>;
  /** What is, or is about to be, published again. */
  readonly chosen: Set<number>;
}

class Search {
  readonly #deps: HistoryScanDependencies;
  readonly #wanted: ReadonlyMap<string, Wanted>;
  /** Orders of which something is missing still. */
  readonly #lacking: Set<string>;
  #outgoing: OutgoingEvent[] = [];
  #outgoingBytes = 0;
  #scanned = 0;
  lowestOffset = Infinity;

  constructor(gaps: readonly OrderGap[], deps: HistoryScanDependencies) {
    this.#deps = deps;
    this.#wanted = new Map(
      gaps.map(({ orderId, missing }) => [
        orderId,
        { missing, size: sizeOf(missing), seen: new Set(), chosen: new Set() },
      ]),
    );
    this.#lacking = new Set(gaps.filter(({ missing }) => missing.length > 0).map(({ orderId }) => orderId));
  }

  isLacking(): boolean {
    return this.#lacking.size > 0;
  }

  /** Until the given offset, or until there is nothing more to look for. */
  async read(from: HistoryStart, until: number): Promise<void> {
    const { broker, signal } = this.#deps;
    if (this.isLacking()) {
      for await (const message of broker.readHistory({ from, signal })) {
        if (message.offset >= until) break;
        this.#scanned += 1;
        this.lowestOffset = Math.min(this.lowestOffset, message.offset);
        this.#look(message);
        if (this.#outgoing.length >= PUBLISH_AT_ONCE || this.#outgoingBytes >= PUBLISH_BYTES) await this.#publish();
        if (!this.isLacking()) break;
      }
    }
    await this.#publish();
  }

  result(): HistoryScan {
    const wanted = [...this.#wanted];
    const stillMissing = wanted.map(([orderId, { missing, chosen }]) => [orderId, without(missing, chosen)] as const);
    return {
      scanned: this.#scanned,
      found: wanted.reduce((found, [, { seen }]) => found + seen.size, 0),
      republished: wanted.reduce((sum, [, { chosen }]) => sum + chosen.size, 0),
      stillMissing: new Map(stillMissing.filter(([, missing]) => missing.length > 0)),
    };
  }

  #look({ body }: HistoryMessage): void {
    const { orderId, sequence } = addressOf(body);
    const wanted = orderId === undefined ? undefined : this.#wanted.get(orderId);
    if (!wanted || sequence === undefined || wanted.chosen.has(sequence)) return;
    if (!wanted.missing.some(([from, to]) => sequence >= from && sequence <= to)) return;
    wanted.seen.add(sequence);
    const parsed = parseEvent(body, this.#deps);
    if (parsed.kind === 'refused') return;
    const { id, type, time } = parsed.event;
    this.#outgoing.push({ id, type, time, orderId: parsed.orderId, body });
    this.#outgoingBytes += body.byteLength;
    // Of two that claim one sequence the first one stands.
    wanted.chosen.add(sequence);
    if (wanted.chosen.size === wanted.size) this.#lacking.delete(parsed.orderId);
  }

  async #publish(): Promise<void> {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    this.#outgoingBytes = 0;
    if (outgoing.length > 0) await this.#deps.broker.publish(outgoing);
  }
}

/** Whose it is and where it belongs: far cheaper than to validate every message of the history. */
function addressOf(body: Uint8Array): { readonly orderId?: string; readonly sequence?: number } {
  let value: unknown;
  try {
    value = JSON.parse(textOf(body));
  } catch {
    // Not JSON: it went to the dead letters, and is nobody's missing event.
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const { subject, sequence } = value as { readonly subject?: unknown; readonly sequence?: unknown };
  if (typeof subject !== 'string') return {};
  return { orderId: subject, sequence: Number(sequence) };
}
