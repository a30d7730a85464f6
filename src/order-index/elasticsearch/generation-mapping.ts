import type { Client, estypes } from '@elastic/elasticsearch';
import type { Logger } from '../../observability/logging.ts';
import { analysisOf, type Analysis } from './analysis.ts';
import { READ } from './client.ts';
import { unavailable } from './errors.ts';
import { changedAnalysis, compareProperties, hashMapping } from './mapping.ts';
import type { GenerationMeta, IndexDefinition, Properties } from './mapping.ts';

/** What a generation is made from. */
export interface GenerationCode {
  readonly definition: IndexDefinition;
  readonly foldVersion: number;
}

export interface IndexSizing {
  readonly shards: number;
  readonly replicas: number;
  /** Elasticsearch's notation, `1s`; set explicitly so that idle indices refresh too. */
  readonly refreshInterval: string;
}

/** What an index is created with, beside its aliases. `overrides` are settings of a build, such as `refresh_interval: -1`. */
export function creationBody(
  definition: IndexDefinition,
  { shards, replicas, refreshInterval }: IndexSizing,
  overrides: estypes.IndicesIndexSettings = {},
): { settings: estypes.IndicesIndexSettings; mappings: estypes.MappingTypeMapping } {
  const sized = { number_of_shards: shards, number_of_replicas: replicas, refresh_interval: refreshInterval };
  return { settings: { ...definition.settings, ...sized, ...overrides }, mappings: definition.mappings };
}

export function metaOf({ definition, foldVersion }: GenerationCode, number: number, now: Date): GenerationMeta {
  return { mappingHash: hashMapping(definition), foldVersion, createdAt: now.toISOString(), number };
}

export interface ActualMapping {
  readonly properties: Properties;
  readonly analysis: Analysis;
  readonly meta: Partial<GenerationMeta>;
}

/** @throws IndexUnavailableError also where the index is gone */
export async function readMapping(client: Client, index: string): Promise<ActualMapping> {
  try {
    const answer = await client.indices.get({ index, features: ['mappings', 'settings'] }, READ);
    const { mappings, settings = {} } = answer[index] ?? {};
    return { properties: mappings?.properties ?? {}, analysis: analysisOf(settings), meta: mappings?._meta ?? {} };
  } catch (thrown) {
    throw unavailable(`the mapping of ${index}`, thrown);
  }
}

/**
 * Puts the fields that only the code has into an index; idempotent. What is mapped otherwise stays as it is: that takes a
 * rebuild, and so does a field that needs an analysis which the index has not. `_meta` stays too, so that it goes on telling with which
 * mapping the index was made.
 * @throws IndexUnavailableError
 */
export async function addMissingFields(
  client: Client,
  index: string,
  definition: IndexDefinition,
  log: Logger,
): Promise<void> {
  const { properties, analysis } = await readMapping(client, index);
  const { missing, missingPaths, changedPaths } = compareProperties(definition.mappings.properties, properties);
  const otherAnalysis = changedAnalysis(definition, analysis);
  const changed = [...otherAnalysis, ...changedPaths];
  if (changed.length > 0)
    log.warn({ index, fields: changed }, 'fields are mapped otherwise than in the code: a rebuild is needed');
  // Elasticsearch refuses a field whose analyzer the index does not know; documents lack nothing without it (`dynamic: false`).
  if (missingPaths.length === 0 || otherAnalysis.length > 0) return;
  try {
    await client.indices.putMapping({ index, properties: { ...missing } });
  } catch (thrown) {
    throw unavailable(`adding fields to ${index}`, thrown);
  }
  log.info({ index, fields: missingPaths }, 'added new fields to the mapping');
}
