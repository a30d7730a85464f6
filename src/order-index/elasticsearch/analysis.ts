import type { estypes } from '@elastic/elasticsearch';

/** Of an index's settings what makes words of its texts: by kind (`analyzer`, `filter` …) and name. */
export type Analysis = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** As Elasticsearch answers it, however it was written: every value is a string, or a list of strings. */
export function analysisOf({ index, analysis = index?.analysis }: estypes.IndicesIndexSettings): Analysis {
  return asStrings(analysis ?? {}) as Analysis;
}

function asStrings(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asStrings);
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, asStrings(inner)]));
}
