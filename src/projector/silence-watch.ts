import { silentOthers, type FreshnessRecord, type SilentProjector } from './shared-freshness.ts';

/** Ten beats: longer than one that works is silent. */
const SILENT_MS = 10_000;
/** An access every beat, or every five seconds where an instance only serves, comes within that part of the time of silence. */
const GAP = 0.7;

/**
 * Tells which other projectors say nothing, though they could: while the index is away those that live are as silent as the dead. So a
 * silence counts from when this instance has got at the record without a break.
 */
export class SilenceWatch {
  readonly #silentMs: number;
  readonly #now: () => number;
  /** Undefined from a failure on. */
  #unbroken: { readonly from: number; readonly to: number } | undefined;

  /** @param now epoch ms */
  constructor(silentMs = SILENT_MS, now = () => Date.now()) {
    this.#silentMs = silentMs;
    this.#now = now;
  }

  /** Runs what reads or writes the record. */
  async accessing<T>(access: () => Promise<T>): Promise<T> {
    try {
      const result = await access();
      const to = this.#now();
      this.#unbroken = { from: this.#since(to) ?? to, to };
      return result;
    } catch (error) {
      this.#unbroken = undefined;
      throw error;
    }
  }

  silentOthers(record: FreshnessRecord, own: string): readonly SilentProjector[] {
    const now = this.#now();
    const since = this.#since(now);
    if (since === undefined || now - since <= this.#silentMs) return [];
    return silentOthers(record, own, now, this.#silentMs);
  }

  /** Since when there has been no break; undefined where there is one now. */
  #since(now: number): number | undefined {
    return this.#unbroken && now - this.#unbroken.to <= GAP * this.#silentMs ? this.#unbroken.from : undefined;
  }
}
