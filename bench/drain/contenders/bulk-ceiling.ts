/**
 * What this Elasticsearch takes: bodies that were made beforehand, every event a write, CONCURRENCY requests in flight over plain HTTP; no
 * broker. `COALESCE=1`: of each body the last event of an order alone. Prints the seconds that it took.
 */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { BATCH, CONCURRENCY, settingsOf, type Snapshot } from './settings.ts';

const { elasticsearchUrl, index, eventsFile } = settingsOf(process.env);
const agent = new Agent({ keepAlive: true, maxSockets: CONCURRENCY });
const address = new URL(`${elasticsearchUrl}/${index}/_bulk?filter_path=items.*.error.type`);
const bodies = bodiesOf(readFileSync(eventsFile, 'utf8').split('\n'));

function bodiesOf(lines: readonly string[]): Buffer[] {
  const made: Buffer[] = [];
  for (let from = 0; from < lines.length; from += BATCH) {
    const snapshots = lines
      .slice(from, from + BATCH)
      .map((line) => (JSON.parse(line) as { data: { snapshot: Snapshot } }).data.snapshot);
    const kept =
      process.env['COALESCE'] === '1' ? new Map(snapshots.map((one) => [one.orderId, one])).values() : snapshots;
    made.push(Buffer.from(Array.from(kept, linesOf).join('')));
  }
  return made;
}

function linesOf(snapshot: Snapshot): string {
  const action = { index: { _id: snapshot.orderId, version: snapshot.seq, version_type: 'external' } };
  return `${JSON.stringify(action)}\n${JSON.stringify(snapshot)}\n`;
}

async function send(body: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.length };
  const sent = request(address, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (part: string) => (text += part)).once('end', () => resolve(text));
  });
  sent.once('error', reject).end(body);
  const answer = await promise;
  for (const [, type] of answer.matchAll(/"type":"([^"]+)"/g))
    if (type !== 'version_conflict_engine_exception') throw new Error(answer.slice(0, 400));
}

const startedAt = performance.now();
const left = bodies.values();
await Promise.all(
  Array.from({ length: CONCURRENCY }, async () => {
    for (const body of left) await send(body);
  }),
);
console.log(JSON.stringify({ seconds: (performance.now() - startedAt) / 1_000 }));
agent.destroy();
