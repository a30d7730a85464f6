import { createHash } from 'node:crypto';

/** A deterministic source of choices: the same key gives the same choices for ever. */
export interface Random {
  /** 0 ≤ x < 1 */
  fraction(): number;
  /** `from` ≤ n ≤ `to` */
  integer(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(options: readonly [T, ...T[]]): T;
  weighted<T>(options: readonly (readonly [weight: number, option: T])[]): T;
}

/** Independent of every other key's, so order 17 is the same whatever was generated before it. */
export function createRandom(...key: readonly (string | number)[]): Random {
  const fraction = sfc32(createHash('sha256').update(JSON.stringify(key)).digest());
  const integer = (from: number, to: number) => from + Math.floor(fraction() * (to - from + 1));
  return {
    fraction,
    integer,
    chance: (probability) => fraction() < probability,
    pick: (options) => options[integer(0, options.length - 1)] ?? options[0],
    weighted(options) {
      const total = options.reduce((sum, [weight]) => sum + weight, 0);
      let left = fraction() * total;
      const chosen = options.find(([weight]) => (left -= weight) < 0) ?? options.at(-1);
      if (!chosen) throw new RangeError('nothing to choose from');
      return chosen[1];
    },
  };
}

/** Chris Doty-Humphrey's small fast counter generator, 128 bits of state. */
function sfc32(seed: Buffer): () => number {
  let [a, b, c, counter] = [seed.readInt32LE(0), seed.readInt32LE(4), seed.readInt32LE(8), 1];
  return () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
}
