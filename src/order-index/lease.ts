import { randomUUID } from 'node:crypto';
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
  /**
   * The same after a restart: whoever had the name before is dead, but where it renews the lease, which two do that have one name by
   * mistake.
   */
  readonly instance: string;
  /** One that is not renewed for this long, by the clock of whoever looks, is given up. */
  readonly expiryMs: number;
  /** How often the holder renews it. One of our own name that lets two of these times pass is given up already. */
  readonly renewMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly clock: () => number;
}

interface Held {
  readonly owner: string | null;
  /** Of all that ever go by the owner's name each has another. */
  readonly process: string | null;
  /** Grows with every renewal: what stands still is what expires. */
  readonly beat: number;
}

export function createLease({ index, name, instance, expiryMs, renewMs, clock }: LeaseOptions): Lease {
  const id = `lease:${name}`;
  const process = randomUUID();
  /** What another holder's lease was when it was first seen so, by our own clock: two machines' clocks need not agree. */
  let seen: { readonly revision: string; readonly at: number } | undefined;

  const isOurs = (held: Held) => held.owner === instance && held.process === process;
  /** Clocks of two machines differ: a holder has given up once its lease has stood still for long enough since it was first seen so here. */
  const isFree = (held: Held, revision: string): boolean => {
    if (held.owner === null || isOurs(held)) return true;
    if (seen?.revision !== revision) seen = { revision, at: clock() };
    return clock() - seen.at >= (held.owner === instance ? 2 * renewMs : expiryMs);
  };

  return {
    async hold() {
      for (;;) {
        const record = await index.readControl(id);
        const held = heldIn(record?.value);
        if (record && !isFree(held, record.revision)) return false;
        const next: Held = { owner: instance, process, beat: held.beat + 1 };
        if (await index.writeControl(id, { ...next }, record?.revision ?? null)) return true;
        // Somebody was first: another instance, or this very one by its beat.
      }
    },
    async release() {
      const record = await index.readControl(id);
      const held = heldIn(record?.value);
      if (!isOurs(held)) return;
      const next: Held = { owner: null, process: null, beat: held.beat + 1 };
      await index.writeControl(id, { ...next }, record?.revision ?? null);
    },
  };
}

function heldIn(value: Readonly<Record<string, unknown>> | undefined): Held {
  const { owner, process, beat } = (value ?? {}) as Partial<Held>;
  return { owner: owner ?? null, process: process ?? null, beat: beat ?? 0 };
}
