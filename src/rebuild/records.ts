import { isOver, type RebuildIndex, type RunState } from './state.ts';

type Store = Pick<RebuildIndex, 'readControl' | 'writeControl'>;

/** A run as it is kept; to be replaced only as it was read. */
export interface Kept {
  readonly state: RunState;
  readonly revision: string;
  /** Epoch milliseconds: when its runner last wrote it. */
  readonly beatAt: number;
}

export type RunCommand = 'pause' | 'resume' | 'cancel';

/** What operators want of a run. */
export interface Intent {
  readonly paused: boolean;
  readonly cancelled: boolean;
}

export const NO_INTENT: Intent = { paused: false, cancelled: false };

interface Stored {
  readonly state: RunState;
  readonly beatAt: number;
  readonly writer: string;
}

/** Runs that are over stay listed until newer ones push them out. */
const LISTED = 50;
const LIST = 'rebuilds';

interface Listed {
  /** The newest first. */
  readonly ids: readonly string[];
  /** The one that is not over. */
  readonly active?: string;
}

/** All reject with IndexUnavailableError. */
export interface RunRecords {
  /** Begins a run; where another one is not over, its id. */
  begin(state: RunState): Promise<{ readonly kind: 'begun' } | { readonly kind: 'busy'; readonly id: string }>;
  /** The one that is not over. */
  active(): Promise<string | undefined>;
  ids(): Promise<readonly string[]>;
  read(id: string): Promise<Kept | undefined>;
  /** Replaces exactly what was read; undefined where another instance has written it since. */
  replace(kept: Kept, state: RunState): Promise<Kept | undefined>;
  intent(id: string): Promise<Intent>;
  command(id: string, command: RunCommand): Promise<void>;
}

export interface RecordOptions {
  readonly store: Store;
  /** Of this process alone. */
  readonly writer: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

export function createRunRecords({ store, writer, now }: RecordOptions): RunRecords {
  const list = () => readList(store);
  const read = async (id: string): Promise<(Kept & { readonly writer: string }) | undefined> => {
    const record = await store.readControl(runId(id));
    return record && { ...(record.value as unknown as Stored), revision: record.revision };
  };
  return {
    async begin(state) {
      for (;;) {
        const { listed, revision } = await list();
        const busy = listed.active === undefined ? undefined : await read(listed.active);
        if (busy && !isOver(busy.state)) return { kind: 'busy', id: busy.state.id };
        // The run comes first: what is listed can be read.
        await store.writeControl(runId(state.id), { state, beatAt: now(), writer });
        const next: Listed = { ids: [state.id, ...listed.ids].slice(0, LISTED), active: state.id };
        if (await store.writeControl(LIST, { ...next }, revision)) return { kind: 'begun' };
      }
    },
    async active() {
      const { active } = (await list()).listed;
      return active;
    },
    ids: async () => (await list()).listed.ids,
    read,
    async replace(kept, state) {
      const stored: Stored = { state, beatAt: now(), writer };
      if (!(await store.writeControl(runId(state.id), { ...stored }, kept.revision))) return undefined;
      const after = await read(state.id);
      return after?.writer === writer ? after : undefined;
    },
    intent: async (id) => intentIn((await store.readControl(intentId(id)))?.value),
    command: (id, command) => record(store, id, command),
  };
}

async function record(store: Store, id: string, command: RunCommand): Promise<void> {
  for (;;) {
    const before = await store.readControl(intentId(id));
    const { paused, cancelled } = intentIn(before?.value);
    const after = {
      paused: command === 'pause' || (command !== 'resume' && paused),
      cancelled: cancelled || command === 'cancel',
    };
    if (await store.writeControl(intentId(id), after, before?.revision ?? null)) return;
  }
}

async function readList(store: Store): Promise<{ readonly listed: Listed; readonly revision: string | null }> {
  const record = await store.readControl(LIST);
  const { ids = [], active } = (record?.value ?? {}) as Partial<Listed>;
  return { listed: { ids, ...(active !== undefined && { active }) }, revision: record?.revision ?? null };
}

function runId(id: string): string {
  return `rebuild:${id}`;
}

function intentId(id: string): string {
  return `rebuild-intent:${id}`;
}

function intentIn(value: Readonly<Record<string, unknown>> | undefined): Intent {
  return { paused: value?.['paused'] === true, cancelled: value?.['cancelled'] === true };
}
