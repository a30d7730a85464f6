import PQueue from 'p-queue';
import { UnroutableError, type Broker, type OutgoingEvent } from '../broker/port.ts';
import { loadDocuments } from '../order-index/load-documents.ts';
import type { DeadLetterEntry, DeadLetterFilter, DeadLetterWithBody } from '../order-index/dead-letter-port.ts';
import type { OrderIndex, ParkedPlace } from '../order-index/port.ts';

export interface DeadLetterOperationDependencies {
  readonly broker: Pick<Broker, 'publish'>;
  readonly index: Pick<
    OrderIndex,
    'registry' | 'load' | 'parkedAt' | 'listParkedPlaces' | 'listDeadLetters' | 'getDeadLetter' | 'settleDeadLetter'
  >;
}

export type ReplayOutcome =
  | { readonly kind: 'replayed' }
  | { readonly kind: 'not_found' }
  /** It cannot be put through the exchange as it is. */
  | { readonly kind: 'not_routable'; readonly reason: string };

export interface ReplayAllResult {
  readonly replayed: number;
  readonly failed: readonly { readonly id: string; readonly reason: string }[];
}

export type DiscardOutcome =
  { readonly kind: 'discarded'; readonly missing?: MissingPlace } | { readonly kind: 'not_found' };

/** A place that the discarded event named and that nothing has taken. */
export interface MissingPlace {
  readonly orderId: string;
  readonly sequence: number;
  /** Whether later events of the order are parked, and wait for it. */
  readonly isAwaited: boolean;
}

const PAGE = 200;
const AT_ONCE = 16;

/** What operators do with dead letters. All reject with IndexUnavailableError or BrokerUnavailableError while these are away. */
export function createDeadLetterOperations(deps: DeadLetterOperationDependencies) {
  const { index } = deps;
  return {
    list: index.listDeadLetters.bind(index),
    get: index.getDeadLetter.bind(index),
    replay: (id: string) => replay(id, deps),
    replayAll: (filter: DeadLetterFilter) => replayAll(filter, deps),
    discard: (id: string) => discard(id, deps),
  };
}

/**
 * Through the exchange, so that it takes its place in its order's history, in the log too; the entry goes once the broker has it. One
 * that has been refused again by then stays.
 */
async function replay(id: string, { broker, index }: DeadLetterOperationDependencies): Promise<ReplayOutcome> {
  const entry = await index.getDeadLetter(id);
  if (!entry) return { kind: 'not_found' };
  const event = outgoingOf(entry);
  if (!event) return { kind: 'not_routable', reason: 'it is no JSON object with a type, by which it would be routed' };
  try {
    await broker.publish([event]);
  } catch (error) {
    if (!(error instanceof UnroutableError)) throw error;
    return { kind: 'not_routable', reason: error.message };
  }
  await index.settleDeadLetter(id, entry.revision);
  return { kind: 'replayed' };
}

/** From the newest failure to the oldest, each once: one that is refused again meanwhile is not taken for another. */
async function replayAll(filter: DeadLetterFilter, deps: DeadLetterOperationDependencies): Promise<ReplayAllResult> {
  const seen = new Set<string>();
  const failed: { id: string; reason: string }[] = [];
  let replayed = 0;
  for await (const entries of pages(filter, deps)) {
    const queue = new PQueue({ concurrency: AT_ONCE });
    const tasks = entries
      .filter(({ id }) => !seen.has(id))
      .map(({ id }) => async () => {
        seen.add(id);
        const outcome = await replay(id, deps);
        if (outcome.kind === 'replayed') replayed += 1;
        if (outcome.kind === 'not_routable') failed.push({ id, reason: outcome.reason });
      });
    await queue.addAll(tasks);
  }
  return { replayed, failed };
}

async function* pages(
  filter: DeadLetterFilter,
  { index }: DeadLetterOperationDependencies,
): AsyncGenerator<readonly DeadLetterEntry[]> {
  let cursor: string | undefined;
  do {
    const page = await index.listDeadLetters({ ...filter, size: PAGE, ...(cursor !== undefined && { cursor }) });
    yield page.items;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

/** The message as it was, with the properties that it must have had. Undefined where it says no type. */
function outgoingOf({ body, id, eventId, orderId }: DeadLetterWithBody): OutgoingEvent | undefined {
  const { type, time } = fieldsOf(body);
  if (typeof type !== 'string' || type === '') return undefined;
  return { id: eventId ?? id, type, orderId: orderId ?? '', time: typeof time === 'string' ? time : '', body };
}

function fieldsOf(body: Uint8Array): { readonly type?: unknown; readonly time?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // No UTF-8, or no JSON: which is what it may be here for.
    return {};
  }
  return typeof value === 'object' && value !== null ? value : {};
}

async function discard(id: string, { index }: DeadLetterOperationDependencies): Promise<DiscardOutcome> {
  const entry = await index.getDeadLetter(id);
  if (!entry || !(await index.settleDeadLetter(id))) return { kind: 'not_found' };
  const { orderId, sequence } = entry;
  if (orderId === undefined || sequence === undefined) return { kind: 'discarded' };
  const place = { orderId, sequence };
  if (!(await isMissing(place, index))) return { kind: 'discarded' };
  const [next] = await index.listParkedPlaces({ after: place, size: 1 });
  return { kind: 'discarded', missing: { ...place, isAwaited: next?.orderId === orderId } };
}

async function isMissing(place: ParkedPlace, index: DeadLetterOperationDependencies['index']): Promise<boolean> {
  const { live } = await index.registry();
  const version = (await loadDocuments(index, live, [place.orderId])).get(place.orderId)?.version ?? 0;
  return place.sequence > version && (await index.parkedAt([place])).length === 0;
}
