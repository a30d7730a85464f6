import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@elastic/elasticsearch';
import { percentile } from '../rebuild/statistics.ts';
import type { Probe } from './probes.ts';

/** From the beginning of one search to that of the next, unless it takes longer. */
const POLL_MS = 20;
/** So many of those that have waited longest are asked for at once. */
const MAX_ASKED = 1_000;

/** Searches for probes until they are found. */
export interface Finder {
  watch(probe: Probe): void;
  /** Found is told within this time, in milliseconds: from one answer to the next. */
  resolution(): { readonly p50: number; readonly p99: number };
  /** How many are not found yet. */
  readonly left: number;
  /** Rejects where a search fails. */
  readonly failed: Promise<never>;
  /** Resolves when nothing is asked any more. */
  stop(): Promise<void>;
}

/** By searches through the alias, as readers do; never in real time. */
export function startFinder(client: Client, alias: string): Finder {
  const waiting = new Map<string, Set<Probe>>();
  const gapsMs: number[] = [];
  let isOver = false;
  let left = 0;
  const look = async (): Promise<void> => {
    const values = [...waiting.keys()].slice(0, MAX_ASKED);
    const { hits } = await client.search({
      index: alias,
      query: { terms: { orderId: values } },
      ...{ size: values.length, version: true, _source: false, track_total_hits: false },
    });
    const now = performance.now();
    for (const { _id: orderId = '', _version: version = 0 } of hits.hits) {
      const probes = waiting.get(orderId);
      for (const probe of probes ?? []) {
        if (version < probe.version) continue;
        probe.foundAt = now;
        probes?.delete(probe);
        left -= 1;
      }
      if (probes?.size === 0) waiting.delete(orderId);
    }
  };
  const loop = async (): Promise<void> => {
    for (let answeredAt = NaN; !isOver;) {
      const begunAt = performance.now();
      if (waiting.size > 0) await look();
      const now = performance.now();
      if (!Number.isNaN(answeredAt)) gapsMs.push(now - answeredAt);
      answeredAt = now;
      await delay(Math.max(1, POLL_MS - (now - begunAt)));
    }
  };
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const ended = loop().catch(reject);
  return {
    watch(probe) {
      const probes = waiting.get(probe.orderId) ?? new Set();
      waiting.set(probe.orderId, probes.add(probe));
      left += 1;
    },
    resolution() {
      const sorted = gapsMs.toSorted((a, b) => a - b);
      return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
    },
    get left() {
      return left;
    },
    failed,
    async stop() {
      isOver = true;
      await ended;
    },
  };
}
