export function spread(values: readonly number[], decimals = 0): { readonly median: number; readonly text: string } {
  const sorted = values.toSorted((a, b) => a - b);
  const median = percentile(sorted, 0.5);
  const [min = NaN, max = NaN] = [sorted[0], sorted.at(-1)];
  const text = (value: number) => value.toFixed(decimals);
  return { median, text: `${text(median)} [${text(min)}–${text(max)}]` };
}

/** Of sorted values; the nearest rank. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
