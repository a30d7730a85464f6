import { isDeepStrictEqual } from 'node:util';
import type { Logger } from './observability/logging.ts';
import type { OrderIndex } from './order-index/port.ts';
import type { createRebuildOperations } from './rebuild/operations.ts';
import type { RebuildRequest } from './rebuild/state.ts';

export interface AutoRebuildDependencies {
  readonly index: Pick<OrderIndex, 'registry' | 'readControl' | 'writeControl'> & {
    readonly generations: Pick<OrderIndex['generations'], 'origin' | 'code'>;
  };
  readonly start: ReturnType<typeof createRebuildOperations>['start'];
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Epoch ms. */
  readonly now: () => number;
}

const CONTROL_ID = 'auto-rebuild';
const REQUEST: RebuildRequest = {
  ...{ projection: 'orders', source: 'index', activate: true, keep: 1, allowPartial: false },
};
/** Two releases that run side by side, each with a mapping of its own, must not undo one another's rebuilds over and over. */
const SAME_CODE_MS = 3_600_000;
const KEPT_TRIES = 20;

/** What a rebuild was begun for. A generation that is dropped and made again under its name is another one. */
interface Need {
  readonly generation: string;
  readonly createdAt: string;
  readonly mappingHash: string;
  readonly foldVersion: number;
}

/** Epoch ms. */
type Try = Need & { readonly at: number };

/**
 * Begins the rebuild that the code needs: once for each live generation and code, and for one code at most once an hour. What was cancelled,
 * failed or was rolled back since is for an operator to decide, and is logged once. A rebuild that could not be begun was not tried. Its
 * calls reject with IndexUnavailableError.
 */
export function createAutoRebuild({
  index,
  start,
  log,
  now,
}: AutoRebuildDependencies): (reason?: string) => Promise<void> {
  let told: Need | undefined;
  return async (reason) => {
    const need = await needOf(index);
    const tries = ((await index.readControl(CONTROL_ID))?.value['tries'] ?? []) as readonly Try[];
    if (tries.some((one) => isDone(one, need, now()))) {
      if (!isDeepStrictEqual(told, need))
        log.warn(
          { reason, ...need },
          "AUTO_REBUILD: this rebuild was begun once already: the next one is an operator's",
        );
      told = need;
      return;
    }
    const started = await start(REQUEST);
    if (started.kind !== 'started') {
      log.warn({ reason, outcome: started }, 'AUTO_REBUILD: the rebuild could not be begun');
      return;
    }
    await index.writeControl(CONTROL_ID, { tries: [...tries, { ...need, at: now() }].slice(-KEPT_TRIES) });
    log.info({ id: started.rebuild.id, reason }, 'AUTO_REBUILD: the live generation is not what the code makes');
  };
}

function isDone({ at, ...tried }: Try, need: Need, now: number): boolean {
  if (tried.mappingHash !== need.mappingHash || tried.foldVersion !== need.foldVersion) return false;
  return now - at < SAME_CODE_MS || isDeepStrictEqual(tried, need);
}

async function needOf({ registry, generations }: AutoRebuildDependencies['index']): Promise<Need> {
  const { generation } = (await registry()).live;
  const { createdAt } = await generations.origin(generation);
  return { generation, createdAt, ...generations.code() };
}
