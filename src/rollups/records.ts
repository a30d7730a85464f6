import type { OrderIndex } from '../order-index/port.ts';
import type { RollupRequest, RollupState } from './state.ts';

type Store = Pick<OrderIndex, 'readControl' | 'writeControl'>;

/** A state as it was read; to be replaced only as it was. */
export interface Kept {
  readonly state: RollupState;
  /** Null where nothing is kept yet. */
  readonly revision: string | null;
}

/** All reject with IndexUnavailableError. */
export interface RollupRecords {
  read(aggregate: string): Promise<Kept>;
  /** Replaces exactly what was read; undefined where somebody else has since. */
  replace(aggregate: string, kept: Kept, state: RollupState): Promise<Kept | undefined>;
  request(aggregate: string): Promise<RollupRequest | undefined>;
  /** Undefined takes it back. */
  setRequest(aggregate: string, request: RollupRequest | undefined): Promise<void>;
}

interface Stored {
  readonly state: RollupState;
  readonly writer: string;
}

/** `writer`: of this process alone. */
export function createRollupRecords(store: Store, writer: string): RollupRecords {
  const read = async (aggregate: string): Promise<Kept & { readonly writer?: string }> => {
    const record = await store.readControl(stateId(aggregate));
    if (!record) return { state: { round: 0 }, revision: null };
    return { ...(record.value as unknown as Stored), revision: record.revision };
  };
  return {
    read,
    async replace(aggregate, { revision }, state) {
      if (!(await store.writeControl(stateId(aggregate), { state, writer }, revision))) return undefined;
      // Between the two another one may have replaced it: his round is a later one.
      const after = await read(aggregate);
      return after.writer === writer && after.state.round === state.round ? after : undefined;
    },
    async request(aggregate) {
      const { id, paused } = ((await store.readControl(requestId(aggregate)))?.value ?? {}) as Partial<RollupRequest>;
      return id === undefined ? undefined : { id, paused: paused === true };
    },
    async setRequest(aggregate, request) {
      await store.writeControl(requestId(aggregate), { ...request });
    },
  };
}

function stateId(aggregate: string): string {
  return `rollup:${aggregate}`;
}

function requestId(aggregate: string): string {
  return `rollup-request:${aggregate}`;
}
