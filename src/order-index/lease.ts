import type { OrderIndex } from './port.ts';

/** The right to run one thing, a rebuild say: one instance has it at a time. It is fenced by the registry's epoch beside (design §2). */
export interface Lease {
  /** Takes it where it is free, or its holder has said nothing for its time; renews it where it is ours. @throws IndexUnavailableError */
  hold(): Promise<boolean>;
  /** @throws IndexUnavailableError */
  release(): Promise<void>;
}

export interface LeaseOptions {
  readonly index: Pick<OrderIndex, 'readControl' | 'writeControl'>;
  readonly name: string;
  /** The same after a restart: whoever had the name before is dead. */
  readonly instance: string;
  /** One that is not renewed for this long, by the clock of whoever looks, is given up. */
  readonly expiryMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly clock: () => number;
}

interface Held {
  readonly owner: string | null;
  /** Grows with every renewal: what stands still is what expires. */
  readonly beat: number;
}

export function createLease({ index, name, instance, expiryMs, clock }: LeaseOptions): Lease {
  const id = `lease:${name}`;
  /** What another holder's lease was when it was first seen so, by our own clock: two machines' clocks need not agree. */
  let seen: { readonly revision: string; readonly at: number } | undefined;

  const isFree = (owner: string | null, revision: string): boolean => {
    if (owner === null || owner === instance) return true;
    if (seen?.revision !== revision) seen = { revision, at: clock() };
    return clock() - seen.at >= expiryMs;
  };

  return {
    async hold() {
      for (;;) {
        const record = await index.readControl(id);
        const { owner, beat } = heldIn(record?.value);
        if (record && !isFree(owner, record.revision)) return false;
        if (await index.writeControl(id, { owner: instance, beat: beat + 1 }, record?.revision ?? null)) return true;
        // Somebody was first: another instance, or this very one by its beat.
      }
    },
    async release() {
      const record = await index.readControl(id);
      const { owner, beat } = heldIn(record?.value);
      if (owner === instance) await index.writeControl(id, { owner: null, beat: beat + 1 }, record?.revision ?? null);
    },
  };
}

function heldIn(value: Readonly<Record<string, unknown>> | undefined): Held {
  const { owner, beat } = (value ?? {}) as Partial<Held>;
  return { owner: owner ?? null, beat: beat ?? 0 };
}
