import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REFUSAL_REASONS } from '../../src/order/event.ts';
import { alerts, dashboard, expressionsOf } from '../support/operations-files.ts';
import { selectorsOf, withoutVariables } from '../support/promql.ts';
import { startService, untilReady } from '../support/running-service.ts';

/** Put on every series by whoever scrapes it. */
const SCRAPE_LABELS = ['job', 'instance', 'pod', 'namespace'];

/** What a running service says, after a little traffic. */
async function scraped(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'order-search-observed-'));
  const service = await startService({ DATA_DIR: dataDir });
  try {
    await untilReady(service);
    await service.get('/search?q=lantern');
    await service.get('/orders/unknown');
    return await (await fetch(`${service.url}/metrics`)).text();
  } finally {
    await service.stop();
    rmSync(dataDir, { recursive: true });
  }
}

/** Each name under which a series may stand, with the labels of those that do. */
function seriesOf(text: string): ReadonlyMap<string, ReadonlySet<string>> {
  const series = new Map<string, Set<string>>();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    for (const suffix of type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) {
      series.set(name + suffix, new Set());
    }
  }
  for (const [, name = '', labels = ''] of text.matchAll(/^([a-z_]\w*)\{(.*)\} \S+$/gm)) {
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) series.get(name)?.add(label);
  }
  return series;
}

describe('what a running service says at /metrics', function () {
  this.timeout(60_000);
  let text: string;
  let series: ReadonlyMap<string, ReadonlySet<string>>;

  before(async () => {
    text = await scraped();
    series = seriesOf(text);
  });

  it('counts errors of every reason from 0 on: a rate does not see a counter that begins at 1', () => {
    for (const reason of [...REFUSAL_REASONS, 'unavailable']) {
      const line = `projection_update_errors_total{projection="orders",reason="${reason}"} 0`;
      assert.ok(text.includes(`\n${line}\n`), line);
    }
  });

  const readers: [string, readonly string[]][] = [
    ['every alert', alerts().map(({ expr }) => expr)],
    ['every panel of the dashboard', expressionsOf(dashboard()).map(withoutVariables)],
  ];
  for (const [name, expressions] of readers) {
    it(`is all that ${name} reads`, () => {
      for (const expression of expressions) {
        for (const { metric, labels } of selectorsOf(expression)) {
          const known = series.get(metric);
          assert.ok(known, `${metric} is said by nobody: ${expression}`);
          // Of a metric without any series yet nobody knows the labels.
          if (known.size === 0) continue;
          for (const label of labels) {
            assert.ok(known.has(label) || SCRAPE_LABELS.includes(label), `${metric} has no ${label}: ${expression}`);
          }
        }
      }
    });
  }
});
