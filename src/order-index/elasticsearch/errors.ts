import { errors } from '@elastic/elasticsearch';
import { IndexUnavailableError, RegistryError } from '../port.ts';

/**
 * Whose fault a failure is (design §2, "Outage is not poison"): the one place that decides it. Whatever is not known to be the
 * document's own fault is an outage's.
 */
export type Fault =
  /** This version or a newer one, or another document under a `create`, is there already. */
  | { readonly kind: 'conflict' }
  /** The document's (of a whole request: one of its documents') own fault. `path` names the field where known. */
  | { readonly kind: 'refused'; readonly reason: string; readonly path: string }
  /** The request's body is over the server's limit. */
  | { readonly kind: 'too_large'; readonly reason: string }
  /** The index or alias is gone, or is write-blocked for a swap. */
  | { readonly kind: 'moved'; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** An `error` as Elasticsearch has it in answers, bulk items and `_mget` documents. */
export interface ErrorCause {
  readonly type: string;
  readonly reason?: string | null;
  readonly caused_by?: ErrorCause;
}

/** What is longer keeps its beginning and its end: Elasticsearch says the point after the value that it quotes. */
const MAX_REASON_LENGTH = 1_000;

/** Elasticsearch answers these with 400 or 404 though no document is at fault. */
const OUTAGES = new Set([
  'index_closed_exception',
  'shard_not_found_exception',
  'no_shard_available_action_exception',
  'routing_missing_exception',
]);
/** Something is forbidden, by an operator, a swap or the disk watermark, however much there is to do. */
const BLOCK = 'cluster_block_exception';
/**
 * A write block, set by a swap (design §2), or the one that stands for it while Elasticsearch waits for the writes under way; other
 * blocks are an operator's or the disk watermark's.
 */
const WRITE_BLOCK = /FORBIDDEN\/8\/(moving to block )?index write \(api\)/;

/** Classifies a refusal by its HTTP status and error: of one bulk item, of one document of `_mget`, or of a whole request. */
export function classify(status: number, error: ErrorCause | undefined): Fault {
  const reason = describeCause(status, error);
  if (status === 401 || status === 403) return forbidden(error, reason);
  if (status === 409) return { kind: 'conflict' };
  if (status === 413) return { kind: 'too_large', reason };
  if (status === 404 && isMissingIndex(error)) return { kind: 'moved', reason };
  const refused = status === 400 && error !== undefined && !OUTAGES.has(error.type) && !isOfTheIndex(error);
  return refused ? { kind: 'refused', reason, path: fieldOf(error) } : { kind: 'unavailable', reason };
}

/**
 * Whether one item of an answered request was turned away because there is too much to do: Elasticsearch is alive, and asks for less.
 * A block (the disk watermark's is 429 too) asks for something else.
 */
export function asksForLess(status: number, error: ErrorCause | undefined): boolean {
  return status === 429 && error?.type !== BLOCK;
}

/**
 * Classifies what the client threw for a whole request. `refused` then means that something in the request is at fault.
 * Anything but the client's own errors is a bug and is thrown again.
 */
export function classifyThrown(thrown: unknown): Fault {
  if (thrown instanceof errors.ResponseError) return classify(thrown.statusCode ?? 0, causeOf(thrown.body));
  if (thrown instanceof errors.ConfigurationError || thrown instanceof errors.SerializationError) throw thrown;
  if (!(thrown instanceof errors.ElasticsearchClientError)) throw thrown;
  return { kind: 'unavailable', reason: shorten(`${describeTransport(thrown)}: ${thrown.message}`) };
}

/** The `error` of an answer's body, where it has Elasticsearch's shape; a proxy's page has none. */
export function causeOf(body: unknown): ErrorCause | undefined {
  const error = isRecord(body) ? body['error'] : undefined;
  return isRecord(error) && typeof error['type'] === 'string' ? (error as unknown as ErrorCause) : undefined;
}

/** The error type of what the client threw, such as `resource_already_exists_exception`. */
export function thrownType(thrown: unknown): string | undefined {
  return thrown instanceof errors.ResponseError ? causeOf(thrown.body)?.type : undefined;
}

export function isMissingIndex(error: ErrorCause | undefined): boolean {
  return error?.type === 'index_not_found_exception';
}

/** Whether a whole request failed since its index does not exist. */
export function isMissing(thrown: unknown): boolean {
  return thrownType(thrown) === 'index_not_found_exception';
}

/** Whether a whole request failed since an index is read-only, which keeps its aliases and settings as they are, too. */
export function isReadOnly(thrown: unknown): boolean {
  const cause = thrown instanceof errors.ResponseError ? causeOf(thrown.body) : undefined;
  return cause?.type === BLOCK && (cause.reason ?? '').includes('FORBIDDEN/5/');
}

/** The index or alias that a read goes to does not exist. */
export class MissingIndexError extends IndexUnavailableError {}

/** An instance with newer code has a write target. This one must not write under it; readers are answered as ever. */
export class NewerCodeError extends IndexUnavailableError {}

/** Elasticsearch takes the request itself for wrong: a bug of ours, and no outage. */
class RefusedRequestError extends IndexUnavailableError {}

const ANSWERED = [MissingIndexError, RefusedRequestError, RegistryError, NewerCodeError];

/** Whether it speaks against Elasticsearch that a request failed so; everything else (a refusal, a conflict) shows that it works. */
export function isOutage(error: unknown): boolean {
  const hasAnswered = ANSWERED.some((kind) => error instanceof kind);
  return !hasAnswered && error instanceof IndexUnavailableError;
}

/** For reads: what the client threw, as the port's error; bugs are thrown as they are. */
export function unavailable(doing: string, thrown: unknown): IndexUnavailableError {
  return thrown instanceof IndexUnavailableError ? thrown : portError(doing, classifyThrown(thrown), { cause: thrown });
}

/** The same for one answer of several that came together. */
export function unavailableItem(doing: string, status: number, error: ErrorCause | undefined): IndexUnavailableError {
  return portError(doing, classify(status, error));
}

function portError(doing: string, fault: Fault, options?: ErrorOptions): IndexUnavailableError {
  const said = `${doing}: ${'reason' in fault ? fault.reason : 'conflict'}`;
  if (fault.kind === 'moved') return new MissingIndexError(said, options);
  if (fault.kind === 'refused') return new RefusedRequestError(said, options);
  return new IndexUnavailableError(said, options);
}

/** Why, in a sentence; at most about a thousand characters, since it may quote a value. */
export function describeCause(status: number, error: ErrorCause | undefined): string {
  if (!error) return `Elasticsearch answered ${status}`;
  const chain: string[] = [];
  for (const { type, reason } of causesOf(error)) {
    const isSaid = typeof reason === 'string' && chain.some((before) => before.includes(reason));
    if (!isSaid) chain.push(`${type}: ${reason ?? ''}`);
  }
  return shorten(chain.join('; '));
}

function forbidden(error: ErrorCause | undefined, reason: string): Fault {
  if (error?.type !== BLOCK) {
    return { kind: 'unavailable', reason: `Elasticsearch refuses the service's credentials or privileges: ${reason}` };
  }
  return WRITE_BLOCK.test(error.reason ?? '') ? { kind: 'moved', reason } : { kind: 'unavailable', reason };
}

/**
 * What any document would be refused for, and is an operator's to mend: our write alias is on a second index, a template names an ingest
 * pipeline that is not there, a shard has as many documents as there can be.
 */
const OF_THE_INDEX =
  /no write index|more than one ind|pipeline with id \[.*\] does not exist|documents in the (index|shard) can(no|')t exceed/i;

function isOfTheIndex(error: ErrorCause): boolean {
  return error.type === 'illegal_argument_exception' && OF_THE_INDEX.test(error.reason ?? '');
}

/** Elasticsearch names the field inside its message only, in one of these ways. */
const FIELD_IN_REASON = [
  /failed to parse field \[([^\]]+)\]/,
  /object mapping for \[([^\]]+)\]/,
  /immense term in field="([^"]+)"/,
  /\bfield \[([^\]]+)\]/,
];

function fieldOf(error: ErrorCause): string {
  for (const { reason } of causesOf(error)) {
    for (const pattern of FIELD_IN_REASON) {
      const field = pattern.exec(reason ?? '')?.[1];
      if (field !== undefined) return field;
    }
  }
  return '';
}

function causesOf(error: ErrorCause): ErrorCause[] {
  return [error, ...(error.caused_by ? causesOf(error.caused_by) : [])];
}

function describeTransport(error: errors.ElasticsearchClientError): string {
  if (error instanceof errors.TimeoutError) return 'Elasticsearch did not answer in time';
  if (error instanceof errors.ProductNotSupportedError) return 'what answers is not Elasticsearch';
  return error instanceof errors.DeserializationError ? 'the answer is not JSON' : 'no connection to Elasticsearch';
}

function shorten(text: string): string {
  const half = MAX_REASON_LENGTH / 2;
  return text.length > MAX_REASON_LENGTH ? `${text.slice(0, half)} … ${text.slice(-half)}` : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
