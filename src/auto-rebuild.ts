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
}

const CONTROL_ID = 'auto-rebuild';
const REQUEST: RebuildRequest = {
  ...{ projection: 'orders', source: 'index', activate: true, keep: 1, allowPartial: false },
};

/**
 * Begins the rebuild that the code needs: once for each live generation and code. What was cancelled, failed or was rolled back since is for
 * an operator to decide, and is logged once. A rebuild that could not be begun was not tried. Its calls reject with IndexUnavailableError.
 */
export function createAutoRebuild({ index, start, log }: AutoRebuildDependencies): (reason?: string) => Promise<void> {
  let told: unknown;
  return async (reason) => {
    const need = await needOf(index);
    if (isDeepStrictEqual((await index.readControl(CONTROL_ID))?.value, need)) {
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
    await index.writeControl(CONTROL_ID, need);
    log.info({ id: started.rebuild.id, reason }, 'AUTO_REBUILD: the live generation is not what the code makes');
  };
}

/** A generation that is dropped and made again under its name is another one. */
async function needOf({ registry, generations }: AutoRebuildDependencies['index']) {
  const { generation } = (await registry()).live;
  const { createdAt } = await generations.origin(generation);
  return { generation, createdAt, ...generations.code() };
}
