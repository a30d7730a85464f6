import type { RunningService } from './running-service.ts';

export const MIB = 1024 * 1024;
const SAMPLE_EVERY_MS = 250;

/** Samples the resident memory of a service that lives for as long as it is watched, as the service itself tells it. */
export class MemoryWatch {
  readonly #samples: number[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(service: RunningService) {
    this.#timer = setInterval(() => {
      residentBytes(service).then(
        (bytes) => this.#samples.push(bytes),
        // It has been stopped meanwhile, or the test fails for a better reason.
        () => undefined,
      );
    }, SAMPLE_EVERY_MS);
  }

  /** In bytes; 0 before the first sample. */
  latest(): number {
    return this.#samples.at(-1) ?? 0;
  }

  most(): number {
    return Math.max(...this.#samples);
  }

  /** Medians of the second third and of the last one; the first is the warm-up. @throws Error where there are too few samples */
  thirds(): { readonly earlier: number; readonly later: number } {
    const third = Math.floor(this.#samples.length / 3);
    if (third < 5) throw new Error(`only ${this.#samples.length} samples`);
    return {
      earlier: median(this.#samples.slice(third, 2 * third)),
      later: median(this.#samples.slice(2 * third)),
    };
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function residentBytes(service: RunningService): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const bytes = /^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1];
  if (bytes === undefined) throw new Error('the service does not tell its resident memory');
  return Number(bytes);
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
