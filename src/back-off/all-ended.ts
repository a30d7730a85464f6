/**
 * Waits for all of it, also where some fails: nothing of it is left under way.
 * @throws the first failure, in their order
 */
export async function allEnded(tasks: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(tasks);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
