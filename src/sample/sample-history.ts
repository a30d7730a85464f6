import type { CloudEvent } from './cloud-event.ts';
import { PLOTS } from './plots.ts';
import { createRandom } from './random.ts';
import { Story } from './story.ts';

const DAY_MS = 24 * 3_600_000;
const DAYS = 30;

/** The events of one order, in the order of their sequence. */
export type SampleHistory = readonly CloudEvent[];

/** Sample orders of one start: no other start has the same ids, so no event is ever published again with another content. */
export function runOf(startedAt: Date): string {
  return startedAt.getTime().toString(36).toUpperCase();
}

function sampleOrderId(run: string, index: number): string {
  return `S-${run}-${String(index + 1).padStart(4, '0')}`;
}

/** The whole life of one order, told `speed` times faster than life. Pure. */
export function sampleOrder(
  seed: string | number,
  run: string,
  index: number,
  placedAtMs: number,
  speed: number,
): SampleHistory {
  const random = createRandom(seed, run, index);
  const story = new Story({ random, orderId: sampleOrderId(run, index), placedAtMs, speed });
  random.weighted(PLOTS)(story);
  return story.events.toSorted((a, b) => a.sequence - b.sequence);
}

/**
 * The histories of `count` orders that were placed over the last 30 days, as they stand at `now`: the youngest have not gone far yet.
 * A hole (an event that was lost, a history taken over from elsewhere) is always filled within the history. Pure.
 */
export function sampleHistory(seed: string | number, count: number, now: Date): readonly SampleHistory[] {
  const run = runOf(now);
  const placing = createRandom(seed, run, 'placed');
  const ages = Array.from({ length: count }, () => placing.fraction() * DAYS * DAY_MS).sort((a, b) => b - a);
  return ages.map((ageMs, index) => {
    const events = sampleOrder(seed, run, index, Math.floor(now.getTime() - ageMs), 1);
    const future = events.findIndex(({ time }) => Date.parse(time) > now.getTime());
    return future < 0 ? events : events.slice(0, future);
  });
}

/** The events of all histories in the order in which they happened. */
export function inOrderOfTime(histories: readonly SampleHistory[]): readonly CloudEvent[] {
  return histories.flat().sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.sequence - b.sequence));
}
