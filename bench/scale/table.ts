import { spread } from '../rebuild/statistics.ts';

const FIGURES = {
  eventsPerSecond: { title: 'events/s', decimals: 0 },
  cpuMicrosAnEvent: { title: 'CPU µs/event', decimals: 1 },
  peakRssMib: { title: 'peak RSS MiB', decimals: 0 },
  writesAnEvent: { title: 'writes/event', decimals: 2 },
  searchP50: { title: 'search p50 ms', decimals: 1 },
  searchP99: { title: 'search p99 ms', decimals: 1 },
  searchesPerSecond: { title: 'searches/s', decimals: 0 },
} as const;

/** What is measured of one size, where it is; {@link printTable} leaves the others out. */
export type Figures = Readonly<Partial<Record<keyof typeof FIGURES, number>>>;

const NAMES = Object.keys(FIGURES) as (keyof typeof FIGURES)[];

/** One line. */
export function describeFigures(figures: Figures): string {
  const shown = NAMES.flatMap((name) => {
    const value = figures[name];
    return value === undefined ? [] : [`${FIGURES[name].title} ${value.toFixed(FIGURES[name].decimals)}`];
  });
  return shown.join(', ');
}

/** Markdown; a median [min–max] where a size was measured more than once. */
export function printTable(title: string, rows: ReadonlyMap<string, readonly Figures[]>): void {
  const [first] = rows.values();
  const shown = NAMES.filter((name) => first?.[0]?.[name] !== undefined);
  console.log(`\n| ${[title, ...shown.map((name) => FIGURES[name].title)].join(' | ')} |`);
  console.log(`| --- |${' ---: |'.repeat(shown.length)}`);
  for (const [size, measured] of rows) {
    const cells = shown.map((name) => {
      const values = measured.flatMap((one) => one[name] ?? []);
      const { decimals } = FIGURES[name];
      return values.length > 1 ? spread(values, decimals).text : (values[0]?.toFixed(decimals) ?? '');
    });
    console.log(`| ${[size, ...cells].join(' | ')} |`);
  }
}
