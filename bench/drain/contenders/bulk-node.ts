/**
 * What a careful team writes by hand: the official client's bulk helper, one call a batch, some in flight, external versions; a batch is
 * acknowledged (`multiple`) once it and every earlier one is done. It copies ready documents.
 */
import { Client } from '@elastic/elasticsearch';
import { connect, type ConsumeMessage } from 'amqplib';
import { BATCH, CONCURRENCY, settingsOf, snapshotOf, type Snapshot } from './settings.ts';

const LINGER_MS = 50;

interface Batch {
  readonly documents: Snapshot[];
  readonly last: ConsumeMessage;
  isDone: boolean;
}

const { amqpUrl, queue, elasticsearchUrl, index } = settingsOf(process.env);
const client = new Client({ node: elasticsearchUrl });
const connection = await connect(amqpUrl);
const channel = await connection.createChannel();
await channel.prefetch(BATCH * (CONCURRENCY + 1));
let documents: Snapshot[] = [];
let last: ConsumeMessage | undefined;
let timer: NodeJS.Timeout | undefined;
let active = 0;
const waiting: Batch[] = [];
const order: Batch[] = [];

async function send(batch: Batch): Promise<void> {
  active += 1;
  await client.helpers.bulk<Snapshot>({
    datasource: batch.documents,
    flushBytes: 2 ** 30,
    concurrency: 1,
    retries: 3,
    onDocument: ({ orderId, seq }) => ({
      index: { _index: index, _id: orderId, version: seq, version_type: 'external' },
    }),
    onDrop: ({ status, error }) => {
      if (status !== 409) throw new Error(`refused: ${JSON.stringify(error)}`);
    },
  });
  active -= 1;
  batch.isDone = true;
  while (order[0]?.isDone) channel.ack((order.shift() ?? batch).last, true);
  const next = waiting.shift();
  if (next) await send(next);
}

function flush(): void {
  clearTimeout(timer);
  timer = undefined;
  if (!last) return;
  const batch = { documents, last, isDone: false };
  documents = [];
  last = undefined;
  order.push(batch);
  if (active < CONCURRENCY) void send(batch);
  else waiting.push(batch);
}

await channel.consume(queue, (message) => {
  if (!message) return;
  documents.push(snapshotOf(message));
  last = message;
  if (documents.length >= BATCH) flush();
  else timer ??= setTimeout(flush, LINGER_MS);
});
process.once('SIGTERM', () => void connection.close().then(() => process.exit(0)));
