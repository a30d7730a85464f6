/**
 * What a service often looks like: one `index` request a message, with its version, acknowledged after it; some in flight. It copies ready
 * documents.
 */
import { Client, errors } from '@elastic/elasticsearch';
import { connect } from 'amqplib';
import { settingsOf, snapshotOf } from './settings.ts';

const PREFETCH = 50;
const STALE = 409;

const { amqpUrl, queue, elasticsearchUrl, index } = settingsOf(process.env);
const client = new Client({ node: elasticsearchUrl });
const connection = await connect(amqpUrl);
const channel = await connection.createChannel();
await channel.prefetch(PREFETCH);
await channel.consume(queue, (message) => {
  if (!message) return;
  const document = snapshotOf(message);
  const request = { index, id: document.orderId, version: document.seq, version_type: 'external', document } as const;
  client.index(request).then(
    () => channel.ack(message),
    (error: unknown) => {
      if (!(error instanceof errors.ResponseError) || error.statusCode !== STALE) throw error;
      channel.ack(message);
    },
  );
});
process.once('SIGTERM', () => void connection.close().then(() => process.exit(0)));
