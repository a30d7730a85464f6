import type { GenerationView, RebuildView } from '../../../src/http/dependencies.ts';

/** A rebuild in the middle of its copy. */
export function rebuildView(changes: Partial<RebuildView> = {}): RebuildView {
  return {
    ...{
      id: 'r-1',
      kind: 'rebuild',
      projection: 'orders',
      source: 'index',
      activate: true,
      keep: 1,
      allowPartial: false,
    },
    ...{ state: 'COPY', generation: 'orders-000002', processed: 420, total: 1_000, ratePerSecond: 70, etaSeconds: 8.3 },
    ...{ lagSeconds: null, paused: false, startedAt: '2026-03-01T10:00:00.000Z', finishedAt: null, error: null },
    ...{ stalled: null, withoutBeginning: 0, unparseable: 0 },
    ...changes,
  };
}

export function generationView(changes: Partial<GenerationView> = {}): GenerationView {
  return {
    ...{ name: 'orders-000001', number: 1, state: 'standby', documents: 1_000, sizeBytes: 2_345_678 },
    ...{ mappingHash: 'abc123', foldVersion: 2, createdAt: '2026-02-01T10:00:00.000Z', reason: null },
    ...changes,
  };
}
