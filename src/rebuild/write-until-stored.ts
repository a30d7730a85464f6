import { backOff } from '../back-off/back-off.ts';
import { divergenceOf } from '../order-index/diverge.ts';
import { withoutQuotedValues } from '../observability/quoted-values.ts';
import { IndexUnavailableError } from '../order-index/port.ts';
import type { DocumentWrite, WriteOutcome, WriteTarget } from '../order-index/port.ts';
import type { FailedOrder } from './model.ts';
import type { RebuildIndex } from './state.ts';

/** The generation that is being built is no write target any more. */
export class LostTargetError extends Error {
  override readonly name = 'LostTargetError';
}

/** The generation refuses documents: of up to {@link MAX_NAMED} it is said why. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly orders: readonly FailedOrder[];
  readonly total: number;
  constructor(orders: readonly FailedOrder[]) {
    super(`${orders.length} documents are refused`);
    this.orders = orders.slice(0, MAX_NAMED);
    this.total = orders.length;
  }
}

export const MAX_NAMED = 10;
const BACK_OFF = { firstMs: 200, capMs: 5_000 };
/** How long the generation may be unavailable while the live one is not. */
const PATIENCE_MS = 60_000;

/** The target of a generation by the present registry. @throws LostTargetError with the reason, IndexUnavailableError */
export async function targetOf(
  index: Pick<RebuildIndex, 'registry' | 'readControl'>,
  generation: string,
): Promise<WriteTarget> {
  const { targets } = await index.registry();
  const target = targets.find((one) => one.generation === generation);
  if (target) return target;
  const why = await divergenceOf(index, generation);
  throw new LostTargetError(why ?? `${generation} is no write target any more: somebody has unregistered it`);
}

/**
 * Writes documents to a generation until each is there, at its version or a newer one, through any outage and whatever becomes of the
 * registry meanwhile.
 * @throws RefusedError once all others are written, LostTargetError, the signal's reason
 * @throws IndexUnavailableError where only this generation is unavailable, for longer than a minute
 */
export async function writeUntilStored(
  index: RebuildIndex,
  generation: string,
  writes: readonly DocumentWrite[],
  signal: AbortSignal,
): Promise<void> {
  let left = writes;
  let unavailableSince: number | undefined;
  const refused: FailedOrder[] = [];
  for (let attempt = 0; left.length > 0; attempt++) {
    signal.throwIfAborted();
    const outcomes = await tryWriting(index, generation, left);
    refused.push(...left.flatMap(({ orderId }, position) => refusalOf(orderId, outcomes[position])));
    const again = left.filter((_, position) => isToBeRepeated(outcomes[position]));
    unavailableSince = again.length < left.length ? undefined : (unavailableSince ?? performance.now());
    if (unavailableSince !== undefined && performance.now() - unavailableSince > PATIENCE_MS) {
      await refuseIfLiveIsThere(index, outcomes);
    }
    left = again;
    if (left.length > 0) await backOff(attempt, BACK_OFF, signal);
  }
  if (refused.length > 0) throw new RefusedError(refused);
}

async function tryWriting(
  index: RebuildIndex,
  generation: string,
  writes: readonly DocumentWrite[],
): Promise<readonly WriteOutcome[]> {
  try {
    return await index.write(await targetOf(index, generation), writes, 'rebuild');
  } catch (error) {
    if (!(error instanceof IndexUnavailableError)) throw error;
    return writes.map(() => ({ kind: 'unavailable', reason: error.message }));
  }
}

function isToBeRepeated(outcome: WriteOutcome | undefined): boolean {
  return outcome === undefined || outcome.kind === 'moved' || outcome.kind === 'unavailable';
}

function refusalOf(orderId: string, outcome: WriteOutcome | undefined): FailedOrder[] {
  if (outcome?.kind !== 'refused') return [];
  const { path } = outcome;
  const reason = withoutQuotedValues(outcome.reason);
  return [{ orderId, reason: path === '' ? reason : `${path}: ${reason}` }];
}

/** While the live one is away too, it is an outage like any other, and waited out. */
async function refuseIfLiveIsThere(index: RebuildIndex, outcomes: readonly WriteOutcome[]): Promise<void> {
  const { live } = await index.registry();
  const loaded = await index.load(live, ['']).catch(() => undefined);
  if (loaded?.kind !== 'loaded') return;
  const [first] = outcomes;
  const reason = first && 'reason' in first ? first.reason : 'no answer';
  throw new LostTargetError(`it could not be written to for a minute, and the live generation can: ${reason}`);
}
