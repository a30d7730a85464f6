/** What a service says at `/metrics`, once. */
export interface ScrapedMetrics {
  /** Undefined where there is no such series. Every label must be given. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | undefined;
  readonly names: ReadonlySet<string>;
}

export async function scrape({ url }: { readonly url: string }): Promise<ScrapedMetrics> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = new Map<string, number>();
  for (const [, name = '', labels = '', value] of text.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)) {
    values.set(keyOf(name, labels.split(/,(?=\w+=")/)), Number(value));
  }
  return {
    value: (name, labels = {}) =>
      values.get(
        keyOf(
          name,
          Object.entries(labels).map(([label, value]) => `${label}="${value}"`),
        ),
      ),
    names: new Set(Array.from(text.matchAll(/^# TYPE (\w+) /gm), ([, name = '']) => name)),
  };
}

function keyOf(name: string, labels: readonly string[]): string {
  return `${name}{${[...labels].sort().join()}}`;
}
