import type { OrderIndex } from '../order-index/port.ts';
import type { RollupRecords } from './records.ts';
import { isSame, type Origin, type RollupState, type Surroundings } from './state.ts';

export interface SurroundingsDependencies {
  readonly index: Pick<OrderIndex, 'registry' | 'generations'>;
  readonly records: RollupRecords;
  /** The first fold version whose documents say what they contribute. */
  readonly countedFrom: number;
  /** Days before it are not kept; undefined: all are. */
  readonly keptFrom: () => string | undefined;
}

/** What there is beside an aggregate's state. @throws IndexUnavailableError */
export async function surroundingsOf(
  { live }: RollupState,
  aggregate: string,
  { index, records, countedFrom, keptFrom }: SurroundingsDependencies,
): Promise<Surroundings> {
  const { live: ordersLive, targets } = await index.registry();
  const orders = ordersLive.generation;
  const { createdAt, foldVersion } = await index.generations.origin(orders);
  const isTarget = targets.some(({ generation }) => generation === live?.origin.orders);
  return {
    origin: { orders, createdAt },
    isCounted: foldVersion >= countedFrom,
    isOriginWritten:
      isTarget && live !== undefined && (await isThatGeneration(live.origin, { orders, createdAt }, index)),
    request: await records.request(aggregate),
    keptFrom: keptFrom(),
  };
}

/** Not another one that was made under its name. */
async function isThatGeneration(
  origin: Origin,
  ordersLive: Origin,
  index: SurroundingsDependencies['index'],
): Promise<boolean> {
  if (origin.orders === ordersLive.orders) return isSame(origin, ordersLive);
  const { createdAt } = await index.generations.origin(origin.orders);
  return createdAt === origin.createdAt;
}
