import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { estypes } from '@elastic/elasticsearch';
import type { MappingDrift } from '../generations-port.ts';
import { isObject } from '../../order/decode-json.ts';
import { IndexConfigurationError } from '../port.ts';
import { analysisOf, type Analysis } from './analysis.ts';

export type MappingName = 'orders' | 'parked' | 'dead-letters' | 'control';

/** A file of mappings/: what an index is created with, beside shards, replicas, the refresh interval and `_meta`. */
export interface IndexDefinition {
  readonly settings: estypes.IndicesIndexSettings;
  readonly mappings: { readonly dynamic: 'false'; readonly properties: Properties };
}

export type Properties = Readonly<Record<string, estypes.MappingProperty>>;

/** What a generation's `_meta` says of it. */
export interface GenerationMeta {
  readonly mappingHash: string;
  readonly foldVersion: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly number: number;
}

const MAPPINGS = new URL('../../../mappings/', import.meta.url);

/** @throws IndexConfigurationError where the file is not there, no JSON, or without its two parts: operators change it */
export function readDefinition(name: MappingName, folder = MAPPINGS): IndexDefinition {
  const file = `mappings/${name}.json`;
  let definition: Partial<IndexDefinition> | null;
  try {
    definition = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as Partial<IndexDefinition> | null;
  } catch (error) {
    throw new IndexConfigurationError(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const { settings, mappings } = definition ?? {};
  if (!isObject(settings)) throw new IndexConfigurationError(`${file}: settings must be an object`);
  if (!isObject(mappings?.properties))
    throw new IndexConfigurationError(`${file}: mappings.properties must be an object with the fields`);
  return { settings, mappings };
}

/** Names a mapping, and the analysis that it refers to, by its content, however it is written down. */
export function hashMapping({ settings, mappings }: IndexDefinition): string {
  const analysis = analysisOf(settings);
  const content = Object.keys(analysis).length === 0 ? mappings : { mappings, analysis };
  return createHash('sha256').update(canonical(content)).digest('hex').slice(0, 16);
}

/** The fields of one mapping that another lacks, as a mapping of their own, and the paths of those that it has otherwise. */
export interface MappingDifference {
  readonly missing: Properties;
  readonly missingPaths: readonly string[];
  readonly changedPaths: readonly string[];
}

export function compareProperties(wanted: Properties, actual: Properties, path = ''): MappingDifference {
  const missing: Record<string, estypes.MappingProperty> = {};
  const missingPaths: string[] = [];
  const changedPaths: string[] = [];
  for (const [name, field] of Object.entries(wanted)) {
    const there = actual[name];
    const fieldPath = path + name;
    if (!there) {
      missing[name] = field;
      missingPaths.push(fieldPath);
    } else if (canonical(withoutProperties(field)) !== canonical(withoutProperties(there)))
      changedPaths.push(fieldPath);
    else {
      const inner = compareProperties(propertiesOf(field), propertiesOf(there), `${fieldPath}.`);
      if (inner.missingPaths.length > 0) missing[name] = { properties: { ...inner.missing } };
      missingPaths.push(...inner.missingPaths);
      changedPaths.push(...inner.changedPaths);
    }
  }
  return { missing, missingPaths, changedPaths };
}

/**
 * The paths of the code's analysis that an index lacks or has otherwise; what only the index has, nothing uses. None of it can be
 * changed in an open index.
 */
export function changedAnalysis({ settings }: IndexDefinition, actual: Analysis): string[] {
  return Object.entries(analysisOf(settings)).flatMap(([kind, wanted]) =>
    Object.keys(wanted)
      .filter((name) => canonical(wanted[name]) !== canonical(actual[kind]?.[name]))
      .map((name) => `analysis.${kind}.${name}`),
  );
}

/**
 * What an operator should know of the live generation: `additive` where new fields are in place but the documents written
 * before are not found by them, `rebuild needed` where its mapping, its analysis or its fold is another one.
 */
export function driftOf(
  code: { readonly definition: IndexDefinition; readonly foldVersion: number },
  live: {
    readonly properties: Properties;
    readonly analysis: Analysis;
    readonly meta: Partial<GenerationMeta>;
  },
): MappingDrift {
  const foldVersion = live.meta.foldVersion ?? 0;
  if (foldVersion !== code.foldVersion) {
    return {
      mapping: 'rebuild needed',
      reason: `it was folded by version ${foldVersion}, the code's is ${code.foldVersion}`,
    };
  }
  const { changedPaths, missingPaths } = compareProperties(code.definition.mappings.properties, live.properties);
  const changed = [...changedAnalysis(code.definition, live.analysis), ...changedPaths];
  if (changed.length > 0) return { mapping: 'rebuild needed', reason: `mapped otherwise: ${changed.join(', ')}` };
  if (missingPaths.length > 0) return { mapping: 'additive', reason: `not there yet: ${missingPaths.join(', ')}` };
  if (live.meta.mappingHash === hashMapping(code.definition)) return { mapping: 'current' };
  return {
    mapping: 'additive',
    reason: 'fields were added or dropped since it was built; older documents are not found by new ones',
  };
}

function propertiesOf(field: estypes.MappingProperty): Properties {
  return ('properties' in field && field.properties) || {};
}

function withoutProperties(field: estypes.MappingProperty): Record<string, unknown> {
  const { properties: _, ...rest } = field as Record<string, unknown>;
  return rest;
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
