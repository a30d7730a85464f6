import { createLogger } from '../../../src/observability/logging.ts';
import { DEFAULT_STORAGE_LIMITS } from '../../../src/order/fold.ts';
import type { ActionDependencies } from '../../../src/rebuild/actions.ts';
import type { RebuildIndex } from '../../../src/rebuild/state.ts';
import { NO_AGGREGATES } from '../../support/no-aggregates.ts';

/** Of an action that reads no source and is not interrupted. */
export function dependenciesOf(index: RebuildIndex, now = () => new Date()): ActionDependencies {
  return {
    ...{ index, now, rollups: NO_AGGREGATES, log: createLogger('silent') },
    ...{ storageLimits: DEFAULT_STORAGE_LIMITS, maxMessageBytes: 1_000_000 },
    openSource: () => Promise.reject(new Error('there is nothing to read')),
    ...{ signal: new AbortController().signal, holdsLease: () => Promise.resolve(true) },
    ...{ onCopying: () => undefined, onReplaying: () => undefined },
    ...{ onCompared: () => undefined, onMoved: () => undefined, reached: () => Promise.resolve() },
  };
}
