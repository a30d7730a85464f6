import type { RunningService } from './running-service.ts';

export const MIB = 1024 * 1024;

/** Resident memory of the service's process, in bytes, as it says itself. */
export async function residentBytes(service: RunningService): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const bytes = /^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1];
  if (bytes === undefined) throw new Error('the service does not tell its resident memory');
  return Number(bytes);
}

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
