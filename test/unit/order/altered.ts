/** `value` with the field at `path` replaced, or left out where it is undefined. */
export function altered(value: unknown, path: readonly (string | number)[], replacement: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  const copy = structuredClone(value) as Record<string | number, unknown>;
  copy[key] = altered(copy[key], rest, replacement);
  return copy;
}

/** The path of every value in an event. */
export function pathsOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path];
  const inner = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
  return [path, ...inner.flatMap(([key, field]) => pathsOf(field, [...path, key]))];
}
