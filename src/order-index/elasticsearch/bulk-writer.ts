import type { Client, TransportRequestOptions } from '@elastic/elasticsearch';
import PQueue from 'p-queue';
import type { Tracing } from '../../observability/tracing.ts';
import { IndexUnavailableError } from '../port.ts';
import type { WritePriority } from '../port.ts';
import type { Breaker } from './breaker.ts';
import type { BulkOperation } from './bulk-request.ts';
import { bodyOf, splitByBytes } from './bulk-request.ts';
import { serverTimeout } from './client.ts';
import { asksForLess, classify, classifyThrown } from './errors.ts';
import type { ErrorCause, Fault } from './errors.ts';

/** What became of one operation. `too_large` does not come out of here: it has become `refused`. */
export type BulkOutcome =
  | { readonly kind: 'done' }
  | Exclude<Fault, { readonly kind: 'too_large' | 'unavailable' }>
  /** `strained`: of an answered request only this item was turned away, because there is too much to do. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly strained?: true };

export interface BulkWriter {
  /** One outcome an operation, in the same order. Never throws, neither during an outage nor for a refused document. */
  write(operations: readonly BulkOperation[], priority: WritePriority): Promise<BulkOutcome[]>;
  /** Resolves when everything handed over has its outcome. */
  drained(): Promise<void>;
}

export interface BulkWriterOptions {
  readonly client: Client;
  readonly breaker: Breaker;
  /** Requests under way at once. */
  readonly concurrency: number;
  readonly requestTimeoutMs: number;
  /** A request of several operations is split above this. */
  readonly maxRequestBytes: number;
  /** Where spans are made. */
  readonly tracing?: Tracing | undefined;
}

const PRIORITIES: Readonly<Record<WritePriority, number>> = { live: 3, repair: 2, rebuild: 1, rollups: 0 };

/** The one prioritised lane of writes to Elasticsearch (design §3). */
export function createBulkWriter({ breaker, concurrency, maxRequestBytes, ...sending }: BulkWriterOptions): BulkWriter {
  const lane = new PQueue({ concurrency });
  const sendGuarded = (request: readonly BulkOperation[]) =>
    guarded(breaker, request, () => sendOrBisect(sending, request));
  return {
    async write(operations, priority) {
      const requests = splitByBytes(operations, maxRequestBytes);
      const options = { priority: PRIORITIES[priority] };
      const outcomes = await Promise.all(requests.map((request) => lane.add(() => sendGuarded(request), options)));
      return outcomes.flat();
    },
    drained: () => lane.onIdle(),
  };
}

/**
 * Tells the breaker of a request of which nothing got through because of an outage, whatever form that took; but not where single
 * items were turned away for a strain. Then Elasticsearch answers, and smaller batches after a pause are what helps: a breaker that
 * opened would hold back the very share that gets through.
 */
class NothingGotThrough extends IndexUnavailableError {
  readonly outcomes: BulkOutcome[];
  constructor(outcomes: BulkOutcome[], reason: string) {
    super(reason);
    this.outcomes = outcomes;
  }
}

async function guarded(
  breaker: Breaker,
  operations: readonly BulkOperation[],
  send: () => Promise<BulkOutcome[]>,
): Promise<BulkOutcome[]> {
  try {
    return await breaker.run(async () => {
      const outcomes = await send();
      const [first] = outcomes;
      if (first?.kind === 'unavailable' && outcomes.every(isOutage))
        throw new NothingGotThrough(outcomes, first.reason);
      return outcomes;
    });
  } catch (error) {
    if (error instanceof NothingGotThrough) return error.outcomes;
    if (error instanceof IndexUnavailableError)
      return operations.map(() => ({ kind: 'unavailable', reason: error.message }));
    throw error;
  }
}

function isOutage(outcome: BulkOutcome): boolean {
  return outcome.kind === 'unavailable' && outcome.strained !== true;
}

interface Sending {
  readonly client: Client;
  readonly requestTimeoutMs: number;
  readonly tracing?: Tracing | undefined;
}

/**
 * A request that is refused as a whole (one `_id` over 512 bytes is enough) says nothing of its other operations: it is halved
 * until the culprit is alone. So is one that is too large.
 */
async function sendOrBisect(sending: Sending, operations: readonly BulkOperation[]): Promise<BulkOutcome[]> {
  const answer = await sendTraced(sending, operations);
  if (Array.isArray(answer)) return answer;
  switch (answer.kind) {
    case 'refused':
    case 'too_large': {
      if (operations.length === 1) return [settled(answer)];
      const half = Math.ceil(operations.length / 2);
      const first = await sendOrBisect(sending, operations.slice(0, half));
      return [...first, ...(await sendOrBisect(sending, operations.slice(half)))];
    }
    case 'conflict':
      return operations.map(() => ({
        kind: 'unavailable',
        reason: 'Elasticsearch answered 409 to a whole bulk request',
      }));
    case 'moved':
    case 'unavailable':
      return operations.map(() => answer);
  }
}

/**
 * In the span of whoever has asked for the write: the lane keeps its async context. Who writes outside of any span (a rebuild, a heartbeat)
 * begins no trace with it.
 */
async function sendTraced(sending: Sending, operations: readonly BulkOperation[]): Promise<BulkOutcome[] | Fault> {
  const { tracing } = sending;
  const parent = tracing?.current();
  if (tracing === undefined || parent === undefined) return await send(sending, operations);
  const attributes = {
    'db.system.name': 'elasticsearch',
    'db.operation.name': 'bulk',
    'db.operation.batch.size': operations.length,
  };
  return await tracing.span('bulk', { kind: 'client', parent, attributes }, async (span) => {
    const answer = await send(sending, operations);
    const failure = Array.isArray(answer) ? answer.find(({ kind }) => kind !== 'done' && kind !== 'conflict') : answer;
    if (failure) span.fail(failure.kind);
    return answer;
  });
}

interface BulkAnswer {
  readonly items?: readonly Readonly<Record<string, { readonly status: number; readonly error?: ErrorCause }>>[];
}

/**
 * `items.*.status` has to stay in the filter: with the errors alone the successes vanish and the rest no longer stands at its
 * operation's place.
 */
const ANSWER_PARTS = 'took,errors,items.*.status,items.*.error';

/** By default the transport copies a request into its errors, and a body of bytes byte by byte. This leaves out what is secret instead. */
const REDACTED: TransportRequestOptions = { redaction: { type: 'remove' } };

async function send(
  { client, requestTimeoutMs }: Sending,
  operations: readonly BulkOperation[],
): Promise<BulkOutcome[] | Fault> {
  const querystring = { filter_path: ANSWER_PARTS, timeout: serverTimeout(requestTimeoutMs) };
  const request = { method: 'POST', path: '/_bulk', bulkBody: bodyOf(operations), querystring };
  try {
    const answer = await client.transport.request<BulkAnswer>(request, REDACTED);
    const results = (answer.items ?? []).flatMap((item) => Object.values(item));
    if (results.length === operations.length) return results.map(({ status, error }) => outcomeOf(status, error));
    return {
      kind: 'unavailable',
      reason: `the bulk answer has ${results.length} items for ${operations.length} operations`,
    };
  } catch (thrown) {
    const fault = classifyThrown(thrown);
    return fault.kind === 'unavailable' ? ((await overTheLimit(client, operations)) ?? fault) : fault;
  }
}

const SURELY_UNDER_THE_LIMIT_BYTES = 1024 * 1024;
const LIMIT_TIMEOUT_MS = 2_000;

/**
 * A server that refuses a body for its size closes the connection while it is still being sent: its 413 may be lost, and what is
 * seen is a lost connection. Whether that is why, it is asked for its limit.
 */
async function overTheLimit(client: Client, operations: readonly BulkOperation[]): Promise<Fault | undefined> {
  const bytes = operations.reduce((sum, operation) => sum + operation.bytes, 0);
  if (bytes <= SURELY_UNDER_THE_LIMIT_BYTES) return undefined;
  try {
    const { nodes } = await client.nodes.info({ metric: 'http' }, { requestTimeout: LIMIT_TIMEOUT_MS });
    const limits = Object.values(nodes).flatMap(({ http }) => (http ? [http.max_content_length_in_bytes] : []));
    const isOver = limits.some((limit) => bytes > limit);
    return isOver
      ? { kind: 'too_large', reason: `${bytes} bytes, Elasticsearch takes ${Math.min(...limits)}` }
      : undefined;
  } catch (thrown) {
    // It does not say: then the lost connection is all that is known. What is no failure of Elasticsearch is thrown again.
    classifyThrown(thrown);
    return undefined;
  }
}

/** A delete of what is not there is 404 without an error. */
function outcomeOf(status: number, error: ErrorCause | undefined): BulkOutcome {
  if (status < 300 || (status === 404 && !error)) return { kind: 'done' };
  const outcome = settled(classify(status, error));
  return outcome.kind === 'unavailable' && asksForLess(status, error) ? { ...outcome, strained: true } : outcome;
}

function settled(fault: Fault): BulkOutcome {
  return fault.kind === 'too_large' ? { kind: 'refused', reason: `too large: ${fault.reason}`, path: '' } : fault;
}
