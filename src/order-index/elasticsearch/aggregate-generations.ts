import type { estypes } from '@elastic/elasticsearch';
import { AggregateMovedError } from '../aggregates-port.ts';
import type { AggregateDefinition, AggregateGeneration, AggregateStore } from '../aggregates-port.ts';
import { IndexConfigurationError, IndexUnavailableError } from '../port.ts';
import { aggregateNames, inBackground } from './aggregate-access.ts';
import type { AggregateAccess, AggregateNames } from './aggregate-access.ts';
import { READ, serverTimeout } from './client.ts';
import { thrownType } from './errors.ts';
import { dropIndex, indexSizes, refreshIndex } from './generation-care.ts';
import { creationBody } from './generation-mapping.ts';
import { creationFailure } from './generations.ts';
import { hashMapping } from './mapping.ts';
import type { IndexDefinition } from './mapping.ts';

/** What a generation's `_meta` says of it. */
interface AggregateMeta {
  /** Of which aggregate it is: another service's PREFIX may be this aggregate's alias. */
  readonly aggregate: string;
  readonly number: number;
  readonly mappingHash: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** The generations of one aggregate, each with a single shard: so what is ordered by a sum is exact. */
export function aggregateGenerations(
  access: AggregateAccess,
  aggregate: AggregateDefinition,
): Pick<AggregateStore, 'list' | 'create' | 'activate' | 'refresh' | 'drop'> {
  const names = aggregateNames(access.names, aggregate);
  return {
    list: () => list(access, aggregate, names),
    create: (number) => create(access, aggregate, names, number),
    activate: (generation, from) => activate(access, names, generation, from),
    refresh: (generation) => refresh(access, generation),
    drop: (generation) => drop(access, names, generation),
  };
}

async function list(
  access: AggregateAccess,
  { name: aggregate }: AggregateDefinition,
  { alias, generationNumber }: AggregateNames,
): Promise<AggregateGeneration[]> {
  const index = `${alias}-*`;
  const { client } = access;
  const [indices, sizes] = await inBackground(access, `the generations of ${alias}`, () =>
    Promise.all([client.indices.get({ index, features: ['aliases', 'mappings'] }, READ), indexSizes(client, index)]),
  );
  return Object.entries(indices)
    .flatMap(([name, { aliases = {}, mappings }]): AggregateGeneration[] => {
      const meta = metaOf(mappings);
      const number = generationNumber(name);
      if (number === undefined || meta.aggregate !== aggregate) return [];
      const { mappingHash = '', createdAt = '' } = meta;
      return [{ name, number, isLive: alias in aliases, ...sizes(name), mappingHash, createdAt }];
    })
    .sort((a, b) => a.number - b.number);
}

function metaOf(mappings: estypes.MappingTypeMapping | undefined): Partial<AggregateMeta> {
  return mappings?._meta ?? {};
}

async function create(
  { client, sizing }: AggregateAccess,
  { name: aggregate, mapping }: AggregateDefinition,
  { generation, writeAlias }: AggregateNames,
  number: number,
): Promise<'created' | 'exists'> {
  const index = generation(number);
  const definition = mapping as IndexDefinition;
  const { settings, mappings } = creationBody(definition, { ...sizing, shards: 1 });
  const meta: AggregateMeta = {
    aggregate,
    number,
    mappingHash: hashMapping(definition),
    createdAt: new Date().toISOString(),
  };
  const body = { settings, mappings: { ...mappings, _meta: { ...meta } }, aliases: { [writeAlias(index)]: {} } };
  try {
    await client.indices.create({ index, ...body });
    return 'created';
  } catch (thrown) {
    if (thrownType(thrown) !== 'resource_already_exists_exception') throw creationFailure(thrown, index);
  }
  const { mappings: existing } = (await client.indices.get({ index, features: ['mappings'] }, READ))[index] ?? {};
  if (metaOf(existing).aggregate === aggregate) return 'exists';
  throw new IndexConfigurationError(`${index} exists and is no generation of ${aggregate}: choose another PREFIX`);
}

async function refresh(access: AggregateAccess, generation: string): Promise<void> {
  await inBackground(access, `the refresh of ${generation}`, () => refreshIndex(access.client, generation));
}

/**
 * One call, of which all or nothing is carried out. That two cannot both move readers away from one generation the removal sees to,
 * and that nobody moves them to a second one from nothing, that an alias has one write index at most.
 */
async function activate(
  access: AggregateAccess,
  names: AggregateNames,
  generation: string,
  from: string | undefined,
): Promise<void> {
  await refresh(access, generation);
  const { alias } = names;
  if (await isThere(access, names, generation, from)) return;
  const actions = [
    ...(from === undefined ? [] : [{ remove: { index: from, alias, must_exist: true } }]),
    { add: { index: generation, alias, is_write_index: true } },
  ];
  const timeout = serverTimeout(access.requestTimeoutMs);
  const doing = `moving the readers of ${alias}`;
  try {
    const { acknowledged } = await inBackground(access, doing, () =>
      access.client.indices.updateAliases({ actions, timeout, master_timeout: timeout }),
    );
    if (!acknowledged) throw new IndexUnavailableError(`${doing}: not every node has acknowledged it`);
  } catch (error) {
    // Its answer was lost, or somebody was faster: what is there now says which.
    if (await isThere(access, names, generation, from)) return;
    throw error;
  }
}

/** False where readers are where they are to be moved from. @throws AggregateMovedError where they are elsewhere */
async function isThere(
  access: AggregateAccess,
  names: AggregateNames,
  generation: string,
  from: string | undefined,
): Promise<boolean> {
  const live = await liveGeneration(access, names);
  if (live === generation) return true;
  if (live === from) return false;
  throw new AggregateMovedError(`${live ?? 'nothing'} is behind ${names.alias}, and not ${from ?? 'nothing'}`);
}

async function liveGeneration(access: AggregateAccess, { alias }: AggregateNames): Promise<string | undefined> {
  const answer = await inBackground(access, `the alias ${alias}`, () =>
    access.client.indices.getAlias({ name: alias }, { ...READ, ignore: [404] }),
  );
  const holders = Object.keys(answer).filter((key) => key !== 'error' && key !== 'status');
  return holders.length === 0 ? undefined : holders.sort().join(' and ');
}

async function drop(access: AggregateAccess, names: AggregateNames, generation: string): Promise<void> {
  if (names.generationNumber(generation) === undefined)
    throw new Error(`${generation} is no generation of ${names.alias}`);
  const live = await liveGeneration(access, names);
  if (live === generation) throw new Error(`readers see ${generation}: it cannot be dropped`);
  await inBackground(access, `dropping ${generation}`, () => dropIndex(access, generation));
}
