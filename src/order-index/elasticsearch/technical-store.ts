import { IndexUnavailableError } from '../port.ts';
import type { Breaker } from './breaker.ts';
import type { BulkOperation } from './bulk-request.ts';
import type { BulkOutcome, BulkWriter } from './bulk-writer.ts';
import { MissingIndexError, unavailable } from './errors.ts';
import { writePersistently } from './persistent-write.ts';

/** How parking and control get at their indices. */
export interface TechnicalStore {
  /** One outcome an operation: `done`, `conflict` or `refused`. @throws IndexUnavailableError where one is unavailable */
  write(operations: readonly BulkOperation[]): Promise<SettledOutcome[]>;
  /** @throws IndexUnavailableError */
  read<T>(doing: string, request: () => Promise<T>): Promise<T>;
}

export type SettledOutcome = Exclude<BulkOutcome, { readonly kind: 'moved' | 'unavailable' }>;

/** An index that has vanished is made anew by `restore`, and what was asked of it is asked again, once. */
export function createTechnicalStore(
  writer: BulkWriter,
  writes: Breaker,
  restore: () => Promise<void>,
): TechnicalStore {
  const attempt = <T>(doing: string, request: () => Promise<T>) =>
    writes.look(async () => {
      try {
        return await request();
      } catch (thrown) {
        throw unavailable(doing, thrown);
      }
    });
  return {
    async write(operations) {
      const outcomes = await writePersistently(writer, operations, 'live');
      // Refused, since it was addressed to an alias that is gone: nothing was created.
      if (!outcomes.some(({ kind }) => kind === 'moved')) return outcomes.map(settled);
      await restore();
      return (await writePersistently(writer, operations, 'live')).map(settled);
    },
    async read(doing, request) {
      try {
        return await attempt(doing, request);
      } catch (error) {
        if (!(error instanceof MissingIndexError)) throw error;
        await restore();
        return await attempt(doing, request);
      }
    },
  };
}

function settled(outcome: BulkOutcome): SettledOutcome {
  if (outcome.kind === 'moved' || outcome.kind === 'unavailable') throw new IndexUnavailableError(outcome.reason);
  return outcome;
}
