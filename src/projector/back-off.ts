/** What is waited for, and how (`src/back-off`). */
export const BACK_OFF = {
  outage: { firstMs: 100, capMs: 10_000 },
  restart: { firstMs: 5, capMs: 200 },
  probe: { firstMs: 1_000, capMs: 10_000 },
} as const;

/** What waits is told to give up: the process stops, or hands back what it holds. */
export class Interrupted extends Error {
  readonly code = 'INTERRUPTED';
  override readonly name = 'Interrupted';
}
