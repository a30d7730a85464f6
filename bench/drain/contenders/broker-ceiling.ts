/** What the broker alone delivers: consumes and acknowledges, and does nothing with it. */
import { connect } from 'amqplib';
import { settingsOf } from './settings.ts';

const PREFETCH = 2_000;
const ACKNOWLEDGE_EVERY = 100;

const { amqpUrl, queue, events } = settingsOf(process.env);
const connection = await connect(amqpUrl);
const channel = await connection.createChannel();
await channel.prefetch(PREFETCH);
let count = 0;
await channel.consume(queue, (message) => {
  if (!message) return;
  count += 1;
  if (count % ACKNOWLEDGE_EVERY === 0 || count === events) channel.ack(message, true);
});
process.once('SIGTERM', () => void connection.close().then(() => process.exit(0)));
