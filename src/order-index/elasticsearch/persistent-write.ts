import type { WritePriority } from '../port.ts';
import type { BulkOperation } from './bulk-request.ts';
import type { BulkOutcome, BulkWriter } from './bulk-writer.ts';

/**
 * Sends what was unavailable once more as long as something gets through: one of many fails the whole, so where some are always
 * rejected all of them together might never succeed.
 */
export async function writePersistently(
  writer: BulkWriter,
  operations: readonly BulkOperation[],
  priority: WritePriority,
): Promise<BulkOutcome[]> {
  const outcomes = await writer.write(operations, priority);
  const left = operations.filter((_, position) => outcomes[position]?.kind === 'unavailable');
  if (left.length === 0 || left.length === operations.length) return outcomes;
  const rest = await writePersistently(writer, left, priority);
  return outcomes.map((outcome) => (outcome.kind === 'unavailable' ? (rest.shift() ?? outcome) : outcome));
}
