const SECOND_MS = 1_000;
/** An hour's: what lasts longer would say no more by further samples. */
const MAX_SAMPLES = 3_600;

/**
 * How long events took to be found that were published after one instant and up to another, and became visible together: a sample for
 * each second of it, so that a minute of waiting weighs as much as a minute without. The newest first, at least one. All epoch ms.
 */
export function searchableSeconds(publishedAfter: number, publishedTo: number, visibleAt: number): number[] {
  const seconds = Math.round((publishedTo - publishedAfter) / SECOND_MS);
  const samples = Math.min(MAX_SAMPLES, Math.max(1, seconds));
  return Array.from({ length: samples }, (_, at) => (visibleAt - publishedTo) / SECOND_MS + at);
}
