import { createLogger } from '../../src/observability/logging.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { AGGREGATES } from '../../src/rollups/aggregates.ts';
import { createAggregateReader } from '../../src/rollups/reader.ts';
import type { AggregateReader } from '../../src/rollups/reader.ts';
import { createRollupRecords } from '../../src/rollups/records.ts';
import { takeTurn } from '../../src/rollups/turn.ts';
import type { TurnDependencies } from '../../src/rollups/turn.ts';

/** How far the aggregates are said to be. */
export interface Derived {
  readonly asOf: string;
  readonly watermark?: string;
  readonly keptFrom?: string;
}

/** Derives every aggregate from the orders that are there, or catches up with them, as the service does; and reads them. */
export async function deriveAggregates(
  index: OrderIndex,
  { asOf, watermark, keptFrom }: Derived,
): Promise<AggregateReader> {
  const records = createRollupRecords(index, 'test');
  const dependencies: TurnDependencies = {
    ...{ index, records, countedFrom: 0, log: createLogger('silent') },
    asOf: () => Promise.resolve(asOf),
    keptFrom: () => keptFrom,
    now: () => Date.now(),
    reached: () => Promise.resolve(),
  };
  for (const aggregate of AGGREGATES) {
    let outcome = await takeTurn(aggregate, dependencies, { refresh: true });
    while (outcome === 'more') outcome = await takeTurn(aggregate, dependencies, { refresh: false });
    if (outcome !== 'rested') throw new Error(`${aggregate.name}: ${outcome}`);
  }
  return createAggregateReader({
    stores: index.aggregates,
    progress: async (aggregate) => {
      const { live } = (await records.read(aggregate)).state;
      return live && { asOf: live.asOf, watermark, keptFrom };
    },
  });
}
