import { randomUUID } from 'node:crypto';
import type { Client } from '@elastic/elasticsearch';
import type { MoveResult, RegistryChange } from '../generations-port.ts';
import { IndexUnavailableError } from '../port.ts';
import type { Registry } from '../port.ts';
import { isCarriedOut } from '../registry-change.ts';
import { serverTimeout } from './client.ts';
import { classifyThrown, thrownType, unavailable } from './errors.ts';
import { liftingReadOnly } from './generation-care.ts';
import type { IndexNames } from './names.ts';
import { actionsOf } from './registry.ts';
import type { AliasAction, RegistryAliases, RegistryReading } from './registry.ts';

interface Moving {
  readonly client: Client;
  readonly names: IndexNames;
  readonly requestTimeoutMs: number;
  readonly look: () => Promise<RegistryReading>;
}

interface Read {
  readonly registry: Registry;
  readonly aliases: RegistryAliases;
}

/**
 * Moves the registry on by one epoch (see `Generations.renameEpoch`). Whether the answer got lost or a rival was faster
 * shows in what is there afterwards: two that want the same both succeed, of two that want different things one does.
 * @throws IndexUnavailableError
 * @throws Error where Elasticsearch refuses the change itself, for instance since a generation does not exist
 */
export async function moveRegistry(moving: Moving, expectedEpoch: number, change: RegistryChange): Promise<MoveResult> {
  const before = await read(moving);
  let refusal: Error | undefined;
  if (before.registry.epoch === expectedEpoch) {
    const actions = actionsOf(moving.names, before.registry, before.aliases, change);
    const attempt = await updateWritable(moving, actions, change.unregister ?? []);
    if (attempt.kind === 'applied') return { kind: 'moved', registry: (await read(moving)).registry };
    if (attempt.kind === 'refused') refusal = attempt.error;
  }
  const after = await read(moving);
  if (after.registry.epoch === expectedEpoch) throw refusal ?? new IndexUnavailableError('the registry did not move');
  if (after.registry.epoch !== expectedEpoch + 1 || !isCarriedOut(after.registry, change)) {
    return { kind: 'lost_race', registry: after.registry };
  }
  return await confirm(moving, after);
}

async function read({ look, names }: Moving): Promise<Read> {
  const reading = await look();
  if (reading.kind === 'registry') return reading;
  throw new IndexUnavailableError(reading.kind === 'absent' ? `the alias "${names.alias}" is gone` : reading.problem);
}

/**
 * The move is there, but nobody has said that every node knows of it. Elasticsearch says so of changes only, and a node that
 * has applied a change has applied all before it: so something that means nothing is changed about the marker, if it is
 * still the same one.
 */
async function confirm(moving: Moving, { registry, aliases }: Read): Promise<MoveResult> {
  const index = aliases.markerIndex;
  const alias = moving.names.marker(registry.epoch);
  const actions = [
    { remove: { index, alias, must_exist: true } as const },
    { add: { index, alias, search_routing: randomUUID() } },
  ];
  const attempt = await update(moving, actions);
  if (attempt.kind === 'applied') return { kind: 'moved', registry };
  if (attempt.kind === 'unconfirmed')
    throw new IndexUnavailableError('not every node has acknowledged the move of the registry');
  // It has moved on since: what came after the intended registry was built upon it.
  return { kind: 'moved', registry: (await read(moving)).registry };
}

/** What is given up must not hold up the others: it is read-only no more where that keeps its alias on it. */
async function updateWritable(
  moving: Moving,
  actions: readonly AliasAction[],
  givenUp: readonly string[],
): Promise<Attempt> {
  if (givenUp.length === 0) return await update(moving, actions);
  return await liftingReadOnly(moving, givenUp, () => update(moving, actions));
}

type Attempt =
  { readonly kind: 'applied' } | { readonly kind: 'unconfirmed' } | { readonly kind: 'refused'; readonly error: Error };

async function update({ client, requestTimeoutMs }: Moving, actions: readonly AliasAction[]): Promise<Attempt> {
  const timeout = serverTimeout(requestTimeoutMs);
  try {
    const { acknowledged } = await client.indices.updateAliases({
      actions: [...actions],
      timeout,
      master_timeout: timeout,
    });
    return { kind: acknowledged ? 'applied' : 'unconfirmed' };
  } catch (thrown) {
    const { kind } = classifyThrown(thrown);
    const wasRefused = kind === 'refused' || kind === 'moved' || thrownType(thrown) === 'aliases_not_found_exception';
    if (wasRefused && thrown instanceof Error) return { kind: 'refused', error: thrown };
    throw unavailable('moving the registry', thrown);
  }
}
