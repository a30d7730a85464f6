import type { Client } from '@elastic/elasticsearch';
import type { Logger } from '../../observability/logging.ts';
import { noteLostIndex } from '../lost-indices.ts';
import type { LostIndex } from '../lost-indices.ts';
import { IndexConfigurationError } from '../port.ts';
import type { Control } from './control.ts';
import { thrownType, unavailable } from './errors.ts';
import { untilStarted } from './generation-care.ts';
import { creationBody, addMissingFields } from './generation-mapping.ts';
import type { IndexSizing } from './generation-mapping.ts';
import { creationFailure } from './generations.ts';
import { readDefinition } from './mapping.ts';
import type { MappingName } from './mapping.ts';
import { technicalWriteAlias } from './names.ts';
import type { IndexNames } from './names.ts';

export interface TechnicalIndicesOptions {
  readonly client: Client;
  readonly names: IndexNames;
  readonly sizing: IndexSizing;
  readonly requestTimeoutMs: number;
  readonly log: Logger;
  /** Over the control index as it is: nothing makes it anew. */
  readonly control: Control;
}

type Wanted<Name extends MappingName = MappingName> = readonly [index: string, mappingName: Name];

interface WantedIndices {
  readonly control: Wanted<'control'>;
  readonly parked: Wanted<'parked'>;
  readonly deadLetters: Wanted<'dead-letters'>;
}

/**
 * Creates what is missing of the parked, dead letter and control index; idempotent, also when several instances do it at once.
 * Each gets its write alias in the same call: the one name under which it is written, which never creates an index. The control
 * index is the last to be created at the very first start, and orders are written after that: where it or any order is there, all of
 * them were there too, and one that is missing is lost.
 * @throws IndexConfigurationError where a name is taken by an alias
 * @throws IndexUnavailableError
 */
export async function openTechnicalIndices(options: TechnicalIndicesOptions): Promise<void> {
  const { control, parked, deadLetters } = wantedIndices(options);
  if (await exists(control, options)) await ensureNotingLosses(options);
  else if (await hasOrders(options)) await restoreTechnicalIndices(options);
  else for (const wanted of [parked, deadLetters, control]) await ensure(wanted, options);
}

/**
 * Makes anew what has vanished after it was opened. What was in it is gone: that is noted first, so that it is known however this ends.
 * @throws IndexConfigurationError where a name is taken by an alias
 * @throws IndexUnavailableError
 */
export async function restoreTechnicalIndices(options: TechnicalIndicesOptions): Promise<void> {
  const { control } = wantedIndices(options);
  if (!(await exists(control, options))) options.log.error({ index: control[0] }, LOST);
  await ensureNotingLosses(options);
}

/** The control index first: it takes the notes. */
async function ensureNotingLosses(options: TechnicalIndicesOptions): Promise<void> {
  const { control, parked, deadLetters } = wantedIndices(options);
  await ensure(control, options);
  for (const wanted of [parked, deadLetters]) {
    if (!(await exists(wanted, options))) await noteLoss(wanted, options);
    await ensure(wanted, options);
  }
}

const LOST = 'the index was lost, and is made anew: what was in it is gone';

async function noteLoss(
  [index, content]: Wanted<LostIndex['content']>,
  { control, log }: TechnicalIndicesOptions,
): Promise<void> {
  log.error({ index }, LOST);
  await noteLostIndex(control, { index, content, at: new Date().toISOString() });
}

function wantedIndices({ names }: TechnicalIndicesOptions): WantedIndices {
  return {
    control: [names.control, 'control'],
    parked: [names.parked, 'parked'],
    deadLetters: [names.deadLetters, 'dead-letters'],
  };
}

async function exists([index]: Wanted, { client }: TechnicalIndicesOptions): Promise<boolean> {
  try {
    return await client.indices.exists({ index });
  } catch (thrown) {
    throw unavailable(`looking for ${index}`, thrown);
  }
}

async function hasOrders({ client, names: { alias } }: TechnicalIndicesOptions): Promise<boolean> {
  try {
    const complete = { track_total_hits: false, allow_partial_search_results: false };
    const { hits } = await client.search({ index: alias, size: 1, terminate_after: 1, _source: false, ...complete });
    return hits.hits.length > 0;
  } catch (thrown) {
    throw unavailable(`looking for orders in ${alias}`, thrown);
  }
}

async function ensure(
  [index, mappingName]: Wanted,
  { client, sizing, requestTimeoutMs, log }: TechnicalIndicesOptions,
): Promise<void> {
  const definition = readDefinition(mappingName);
  const alias = technicalWriteAlias(index);
  try {
    await client.indices.create({
      index,
      ...creationBody(definition, { ...sizing, shards: 1 }),
      aliases: { [alias]: {} },
    });
    log.info({ index }, 'created the index');
  } catch (thrown) {
    if (thrownType(thrown) !== 'resource_already_exists_exception') throw creationFailure(thrown, index);
    await completeExisting(client, index, alias);
    await untilStarted(client, index, requestTimeoutMs);
    await addMissingFields(client, index, definition, log);
  }
}

/** An index restored without its aliases gets its write alias back. */
async function completeExisting(client: Client, index: string, alias: string): Promise<void> {
  try {
    const holders = Object.keys(await client.indices.getAlias({ name: alias }, { ignore: [404] })).filter(
      (key) => key !== 'error' && key !== 'status',
    );
    const stranger = holders.find((holder) => holder !== index);
    if (stranger !== undefined) {
      throw new IndexConfigurationError(
        `the alias "${alias}" is on "${stranger}": take it off there (POST /_aliases, remove)`,
      );
    }
    if (holders.length === 0) await client.indices.updateAliases({ actions: [{ add: { index, alias } }] });
  } catch (thrown) {
    throw thrown instanceof IndexConfigurationError ? thrown : unavailable(`the alias ${alias}`, thrown);
  }
}
