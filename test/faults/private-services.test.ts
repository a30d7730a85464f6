import assert from 'node:assert/strict';
import { Client } from '@elastic/elasticsearch';
import { connect } from 'amqplib';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';

const MINUTE_MS = 60_000;

if (RUNS_LONG_TESTS) {
  describe('private services', () => {
    let services: PrivateServices;

    before(async function () {
      this.timeout(2 * MINUTE_MS);
      services = await startPrivateServices({ name: 'private-services-test', amqpPort: 5691, esPort: 9291 });
      // Not just before the kill: RabbitMQ 3.10 loses a quorum queue for good when it is killed within the second of its declaration.
      await declareQuorumQueue(services.amqpUrl, 'kept');
    });

    after(async function () {
      this.timeout(MINUTE_MS);
      await services.stop();
    });

    describe('when Elasticsearch is killed and started again', () => {
      it('refuses connections in between, and keeps what was written', async function () {
        this.timeout(2 * MINUTE_MS);
        const client = new Client({ node: services.elasticsearchUrl, maxRetries: 0 });
        try {
          await client.index({ index: 'kept', id: '1', document: { text: 'still here' } });
          await services.kill('elasticsearch');
          await assert.rejects(client.get({ index: 'kept', id: '1' }), { name: 'ConnectionError' });
          await services.start('elasticsearch');
          await client.cluster.health({ index: 'kept', wait_for_status: 'yellow' });
          assert.deepEqual((await client.get({ index: 'kept', id: '1' }))._source, { text: 'still here' });
        } finally {
          await client.close();
        }
      });
    });

    describe('when Elasticsearch is frozen and thawed', () => {
      it('answers nothing in between', async () => {
        const client = new Client({ node: services.elasticsearchUrl, maxRetries: 0, requestTimeout: 500 });
        try {
          await services.kill('elasticsearch', 'SIGSTOP');
          await assert.rejects(client.cluster.health(), { name: 'TimeoutError' });
          await services.kill('elasticsearch', 'SIGCONT');
          assert.equal((await client.cluster.health({}, { requestTimeout: 15_000 })).timed_out, false);
        } finally {
          await client.close();
        }
      });
    });

    describe('when RabbitMQ is killed and started again', () => {
      it('refuses connections in between, and keeps what was confirmed', async function () {
        this.timeout(MINUTE_MS);
        await publishDurably(services.amqpUrl, 'kept', 'still here');
        await services.kill('rabbitmq');
        await assert.rejects(connect(services.amqpUrl), { code: 'ECONNREFUSED' });
        await services.start('rabbitmq');
        assert.equal(await takeOne(services.amqpUrl, 'kept'), 'still here');
      });
    });
  });
}

async function declareQuorumQueue(url: string, queue: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await connection.close();
}

async function publishDurably(url: string, queue: string, text: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createConfirmChannel();
  channel.sendToQueue(queue, Buffer.from(text), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

async function takeOne(url: string, queue: string): Promise<string | undefined> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  const message = await channel.get(queue, { noAck: true });
  await connection.close();
  return message === false ? undefined : message.content.toString();
}
