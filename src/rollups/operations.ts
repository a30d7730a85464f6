import type { OrderIndex } from '../order-index/port.ts';
import type { RollupRecords } from './records.ts';
import type { RollupState } from './state.ts';

export interface OperationsDependencies {
  readonly records: RollupRecords;
  readonly index: Pick<OrderIndex, 'generations'>;
  /** Names of the aggregates. */
  readonly aggregates: readonly string[];
  /** Lets this instance's refresher look at once. */
  readonly wake: () => void;
}

export interface RollupProgress {
  readonly isDone: boolean;
  readonly generation: string;
  readonly processed: number;
  readonly total: number;
  readonly pulse: string;
}

/** What a rebuild wants of the aggregates, carried out by whichever instance leads. All reject with IndexUnavailableError. */
export function createRollupOperations({ records, index, aggregates, wake }: OperationsDependencies) {
  return {
    async derivation(orders: string): Promise<RollupProgress> {
      const { createdAt } = await index.generations.origin(orders);
      const isOf = (origin: { readonly orders: string; readonly createdAt: string } | undefined) =>
        origin?.orders === orders && origin.createdAt === createdAt;
      const states = await Promise.all(aggregates.map(async (name) => (await records.read(name)).state));
      wake();
      const all = states.map((state) => progressOf(state, isOf(state.live?.origin)));
      return {
        isDone: all.every(({ isDone }) => isDone),
        generation: orders,
        processed: sum(all.map(({ processed }) => processed)),
        total: sum(all.map(({ total }) => total)),
        pulse: all.map(({ pulse }) => pulse).join('/'),
      };
    },
    async rebuild(aggregate: string, run: string): Promise<RollupProgress> {
      const [request, { state }] = await Promise.all([records.request(aggregate), records.read(aggregate)]);
      const isDone = state.fulfilled === run;
      if (!isDone && (request?.id !== run || request.paused))
        await records.setRequest(aggregate, { id: run, paused: false });
      if (isDone && request?.id === run) await records.setRequest(aggregate, undefined);
      wake();
      return progressOf(state, isDone);
    },
    async pause(aggregate: string, run: string): Promise<void> {
      await records.setRequest(aggregate, { id: run, paused: true });
    },
    async withdraw(aggregate: string, run: string): Promise<void> {
      if ((await records.request(aggregate))?.id === run) await records.setRequest(aggregate, undefined);
      wake();
    },
  };
}

function progressOf({ round, live, building }: RollupState, isDone: boolean): RollupProgress {
  const pulse = String(round);
  const built = live?.built ?? 0;
  if (isDone) return { isDone, generation: live?.generation ?? '', processed: built, total: built, pulse };
  const { generation = '', processed = 0, total = 0 } = building ?? {};
  return { isDone, generation, processed, total, pulse };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((left, right) => left + right, 0);
}
