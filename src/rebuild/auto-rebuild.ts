import { isDeepStrictEqual } from 'node:util';
import type { Logger } from '../observability/logging.ts';
import type { CodeOrigin } from '../order-index/generations-port.ts';
import type { OrderIndex } from '../order-index/port.ts';
import type { createRebuildOperations } from './operations.ts';
import type { RebuildRequest } from './state.ts';

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
interface Need extends CodeOrigin {
  readonly generation: string;
  readonly createdAt: string;
}

/** Epoch ms. */
type Try = Need & { readonly at: number };

/** Why no rebuild is begun, though one is needed. */
const HELD_BACK = {
  begun: "AUTO_REBUILD: this rebuild was begun once already: the next one is an operator's",
  'no cure':
    "AUTO_REBUILD: the live generation was made by this very code, and another rebuild would make the same (is there an index template?): the next one is an operator's",
  'too soon':
    'AUTO_REBUILD: a rebuild for this code was begun less than an hour ago: the next one is begun after that hour',
};

/**
 * Begins the rebuild that the code needs: once for each live generation and code, and for one code at most once an hour. What was
 * cancelled, failed or was rolled back since is for an operator to decide, and so is what a rebuild for this code has not mended: that is
 * logged once. A rebuild that could not be begun was not tried. Its calls reject with IndexUnavailableError.
 */
export function createAutoRebuild({
  index,
  start,
  log,
  now,
}: AutoRebuildDependencies): (reason?: string) => Promise<void> {
  let told: object | undefined;
  return async (reason) => {
    const { need, isMadeByThisCode } = await look(index);
    const tries = await readTries(index);
    const why = whyHeldBack(tries, need, isMadeByThisCode, now());
    if (why !== undefined) {
      if (!isDeepStrictEqual(told, { ...need, why })) log.warn({ reason, ...need }, HELD_BACK[why]);
      told = { ...need, why };
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

async function readTries(index: Pick<OrderIndex, 'readControl'>): Promise<readonly Try[]> {
  const { tries = [] } = ((await index.readControl(CONTROL_ID))?.value ?? {}) as { tries?: readonly Try[] };
  return tries;
}

function whyHeldBack(
  tries: readonly Try[],
  need: Need,
  isMadeByThisCode: boolean,
  now: number,
): keyof typeof HELD_BACK | undefined {
  const ofThisCode = tries.filter((tried) => isSameCode(tried, need));
  if (ofThisCode.length === 0) return undefined;
  if (ofThisCode.some(({ at: _, ...tried }) => isDeepStrictEqual(tried, need))) return 'begun';
  if (isMadeByThisCode) return 'no cure';
  return ofThisCode.some(({ at }) => now - at < SAME_CODE_MS) ? 'too soon' : undefined;
}

interface Look {
  readonly need: Need;
  readonly isMadeByThisCode: boolean;
}

async function look({ registry, generations }: AutoRebuildDependencies['index']): Promise<Look> {
  const { generation } = (await registry()).live;
  const { createdAt, ...madeBy } = await generations.origin(generation);
  const code = generations.code();
  return { need: { generation, createdAt, ...code }, isMadeByThisCode: isSameCode(madeBy, code) };
}

function isSameCode(one: CodeOrigin, other: CodeOrigin): boolean {
  return one.mappingHash === other.mappingHash && one.foldVersion === other.foldVersion;
}
