import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@elastic/elasticsearch';
import type { Logger } from '../../observability/logging.ts';
import type { Generations } from '../generations-port.ts';
import { IndexConfigurationError, RegistryError } from '../port.ts';
import type { Registry } from '../port.ts';
import { READ } from './client.ts';
import { classifyThrown, NewerCodeError, thrownType, unavailable } from './errors.ts';
import {
  BUILD_SETTINGS,
  dropIndex,
  freeze,
  listGenerations,
  paceRefreshes,
  refreshIndex,
  restoreSettings,
  thaw,
  untilStarted,
  writeBlock,
} from './generation-care.ts';
import { addMissingFields, creationBody, metaOf, readMapping } from './generation-mapping.ts';
import type { GenerationCode, IndexSizing } from './generation-mapping.ts';
import { driftOf, hashMapping } from './mapping.ts';
import { moveRegistry } from './move-registry.ts';
import type { IndexNames } from './names.ts';
import { readRegistry, takenByIndex } from './registry.ts';
import type { AliasTable, RegistryReading } from './registry.ts';
import { openSnapshot } from './snapshot.ts';

/** The index generations and their registry, which is the aliases (design §2), with what the index itself needs of them. */
export interface ElasticsearchGenerations extends Generations {
  /** Creates the first generation where there is none, and adds new fields to every write target. Idempotent, also at once. */
  open(): Promise<void>;
  /** @throws IndexUnavailableError also where the aliases make no sense or newer code has registered a write target */
  registry(): Promise<Registry>;
}

export interface GenerationsOptions {
  readonly client: Client;
  readonly names: IndexNames;
  readonly code: GenerationCode;
  readonly sizing: IndexSizing;
  /** How long `open` waits for another instance's indices. */
  readonly openTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly log: Logger;
}

const POLL_MS = 100;

export function createGenerations(options: GenerationsOptions): ElasticsearchGenerations {
  const { client, names, code } = options;
  /** Fold versions by write address: a generation's name may be given up and used again, but not within an epoch of the registry. */
  const foldVersions = new Map<string, number>();
  const registry = async () => {
    const current = await expectRegistry(await look(client, names), options);
    await refuseNewerCode(options, current, foldVersions);
    return current;
  };
  return {
    async open() {
      const { targets, live } = await ensureFirst(options);
      await untilStarted(client, live.generation, options.requestTimeoutMs);
      try {
        await refuseNewerCode(options, { targets }, foldVersions);
      } catch (error) {
        throw error instanceof NewerCodeError ? new IndexConfigurationError(error.message) : error;
      }
      for (const { generation } of targets) await addMissingFields(client, generation, code.definition, options.log);
    },
    registry,
    list: async () => await listGenerations(options, await expectRegistry(await look(client, names), options)),
    create: (number) => createGeneration(options, number),
    renameEpoch: (expectedEpoch, change) =>
      moveRegistry(
        { client, names, requestTimeoutMs: options.requestTimeoutMs, look: () => look(client, names) },
        expectedEpoch,
        change,
      ),
    ...careOf(options),
    drop: async (generation) => await dropUnlessTarget(options, generation, (await registry()).targets),
    async drift() {
      const { live } = await registry();
      return driftOf(code, await readMapping(client, live.generation));
    },
    code: () => ({ mappingHash: hashMapping(code.definition), foldVersion: code.foldVersion }),
  };
}

async function dropUnlessTarget(options: GenerationsOptions, generation: string, targets: Registry['targets']) {
  const isTarget = targets.some((target) => target.generation === generation);
  if (isTarget) throw new Error(`${generation} is a write target: it cannot be dropped`);
  await dropIndex(options, generation);
}

type Caring = 'restoreSettings' | 'writeBlock' | 'refresh' | 'openSnapshot' | 'freeze' | 'thaw' | 'paceRefreshes';

function careOf(options: GenerationsOptions): Pick<Generations, 'origin' | Caring> {
  return {
    async origin(generation) {
      const { meta } = await readMapping(options.client, generation);
      const { mappingHash = '', foldVersion = 0, createdAt = '' } = meta;
      return { mappingHash, foldVersion, createdAt };
    },
    restoreSettings: (generation) => restoreSettings(options, generation),
    writeBlock: (generation) => writeBlock(options, generation),
    refresh: (generation) => refreshIndex(options.client, generation),
    openSnapshot: (generation) => openSnapshot(options, generation),
    freeze: (generation) => freeze(options, generation),
    thaw: (generation) => thaw(options, generation),
    paceRefreshes: (target, pace) => paceRefreshes(options, target, pace),
  };
}

/** One atomic look at the aliases. @throws IndexUnavailableError */
async function look(client: Client, names: IndexNames): Promise<RegistryReading> {
  try {
    // 404 where the read alias is missing, with the others found in the same body.
    const answer = await client.indices.getAlias({ name: [...names.registryPatterns] }, { ...READ, ignore: [404] });
    return readRegistry(names, aliasTable(answer));
  } catch (thrown) {
    throw unavailable('the alias registry', thrown);
  }
}

function aliasTable(answer: object): AliasTable {
  const entries = Object.entries(answer) as [string, unknown][];
  return Object.fromEntries(entries.filter((entry): entry is [string, AliasTable[string]] => hasAliases(entry[1])));
}

function hasAliases(value: unknown): value is AliasTable[string] {
  return typeof value === 'object' && value !== null && 'aliases' in value;
}

/** @throws RegistryError */
async function expectRegistry(reading: RegistryReading, { client, names }: GenerationsOptions): Promise<Registry> {
  if (reading.kind === 'registry') return reading.registry;
  // Elasticsearch has answered: it is no outage, and no reason to keep an operator's repair from it.
  if (reading.kind === 'misconfigured') throw new RegistryError(reading.problem);
  const orphans = orphansIn(names, await everything(client, names));
  if (orphans.length > 0) throw new RegistryError(orphaned(names, orphans));
  const gone = `the alias "${names.alias}" and its indices are gone: restore them, or start the service anew and rebuild`;
  throw new RegistryError(gone);
}

/** @throws NewerCodeError where another instance with newer code has a write target */
async function refuseNewerCode(
  { client, code, names }: GenerationsOptions,
  { targets }: Pick<Registry, 'targets'>,
  foldVersions: Map<string, number>,
): Promise<void> {
  const current = new Set(targets.map(({ address }) => address));
  for (const address of foldVersions.keys()) if (!current.has(address)) foldVersions.delete(address);
  for (const { generation, address } of targets) {
    const known = foldVersions.get(address) ?? (await readMapping(client, generation)).meta.foldVersion ?? 0;
    foldVersions.set(address, known);
    if (known <= code.foldVersion) continue;
    throw new NewerCodeError(
      `${generation}, a write target of "${names.alias}", is folded by version ${known}, and this instance's code is version ${code.foldVersion}: upgrade it`,
    );
  }
}

async function ensureFirst(options: GenerationsOptions): Promise<Registry> {
  const { client, names, openTimeoutMs } = options;
  const deadline = Date.now() + openTimeoutMs;
  while (true) {
    const table = await everything(client, names);
    const reading = readRegistry(names, table);
    if (reading.kind === 'registry') return reading.registry;
    if (reading.kind === 'misconfigured') throw new IndexConfigurationError(reading.problem);
    const orphans = orphansIn(names, table);
    if (orphans.length === 0) await createFirst(options);
    else if (Date.now() > deadline) throw new IndexConfigurationError(orphaned(names, orphans));
    await delay(POLL_MS);
  }
}

/** Generations, of which nothing says which one is live. */
function orphansIn(names: IndexNames, table: AliasTable): string[] {
  return Object.keys(table).filter((index) => names.generationNumber(index) !== undefined);
}

function orphaned({ alias }: IndexNames, orphans: readonly string[]): string {
  return `${orphans.join(', ')} exist, but the alias "${alias}" and its markers are gone: delete them (and rebuild from history), or put the aliases back`;
}

/** Every index of our names, with all its aliases and also without any, and whatever the read alias's name is. */
async function everything(client: Client, { alias }: IndexNames): Promise<AliasTable> {
  try {
    return await client.indices.getAlias({ index: [alias, `${alias}-*`], ignore_unavailable: true }, READ);
  } catch (thrown) {
    throw unavailable('the indices and aliases', thrown);
  }
}

/** With its aliases in the same call: nobody ever sees the one without the other, and of several instances one creates it. */
async function createFirst({ client, names, code, sizing, log }: GenerationsOptions): Promise<void> {
  const index = names.generation(1);
  const { settings, mappings } = creationBody(code.definition, sizing);
  const aliases = { [names.alias]: {}, [names.writeAlias(index, 1)]: {}, [names.marker(1)]: {} };
  const _meta = { ...metaOf(code, 1, new Date()) };
  try {
    await client.indices.create({ index, settings, mappings: { ...mappings, _meta }, aliases });
    log.info({ index }, 'created the first generation');
  } catch (thrown) {
    refuseUnlessExists(thrown, names, index);
  }
}

async function createGeneration(
  { client, names, code, sizing }: GenerationsOptions,
  number: number,
): Promise<'created' | 'exists'> {
  const index = names.generation(number);
  const { settings, mappings } = creationBody(code.definition, sizing, BUILD_SETTINGS);
  try {
    await client.indices.create({
      index,
      settings,
      mappings: { ...mappings, _meta: { ...metaOf(code, number, new Date()) } },
    });
    return 'created';
  } catch (thrown) {
    refuseUnlessExists(thrown, names, index);
    return 'exists';
  }
}

/** Benign: another instance, or our own attempt whose answer was lost, has created it. */
function refuseUnlessExists(thrown: unknown, names: IndexNames, index: string): void {
  const type = thrownType(thrown);
  if (type === 'resource_already_exists_exception') return;
  if (type === 'invalid_alias_name_exception')
    throw new IndexConfigurationError(takenByIndex(names.alias), { cause: thrown });
  throw creationFailure(thrown, index);
}

/** A name or setting that Elasticsearch refuses is a wrong configuration, not an outage. */
export function creationFailure(thrown: unknown, index: string): Error {
  const fault = classifyThrown(thrown);
  if (fault.kind !== 'refused') return unavailable(`creating ${index}`, thrown);
  return new IndexConfigurationError(`${index} cannot be created: ${fault.reason}`, { cause: thrown });
}
