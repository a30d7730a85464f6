import type { RegistryChange } from './generations-port.ts';
import type { Registry } from './port.ts';

/** What the registry is to be; targets in no particular order. @throws Error where the change contradicts itself, a bug */
export function intended(
  registry: Registry,
  change: RegistryChange,
): { readonly live: string; readonly targets: readonly string[] } {
  const dropped = new Set(change.unregister);
  const kept = registry.targets.map(({ generation }) => generation).filter((generation) => !dropped.has(generation));
  const targets = [...new Set([...kept, ...(change.register ?? [])])];
  const live = change.live ?? registry.live.generation;
  if (!targets.includes(live)) throw new Error(`the live generation ${live} must stay a write target`);
  return { live, targets };
}

/** Whether a change has been carried out: nothing else than it says is different from what is there. */
export function isCarriedOut(registry: Registry, change: RegistryChange): boolean {
  const targets = new Set(registry.targets.map(({ generation }) => generation));
  return (
    (change.register ?? []).every((generation) => targets.has(generation)) &&
    (change.unregister ?? []).every((generation) => !targets.has(generation)) &&
    (change.live === undefined || change.live === registry.live.generation)
  );
}
