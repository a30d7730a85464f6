import type { Client } from '@elastic/elasticsearch';
import type { Logger } from '../../observability/logging.ts';
import { IndexConfigurationError } from '../port.ts';
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
}

/**
 * Creates what is missing of the parked, dead letter and control index; idempotent, also when several instances do it at once.
 * Each gets its write alias in the same call: the one name under which it is written, which never creates an index.
 * @throws IndexConfigurationError where a name is taken by an alias
 * @throws IndexUnavailableError
 */
export async function ensureTechnicalIndices({
  client,
  names,
  sizing,
  requestTimeoutMs,
  log,
}: TechnicalIndicesOptions): Promise<void> {
  const wanted: readonly (readonly [string, MappingName])[] = [
    [names.parked, 'parked'],
    [names.deadLetters, 'dead-letters'],
    [names.control, 'control'],
  ];
  for (const [index, mappingName] of wanted) {
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
