import assert from 'node:assert/strict';
import type { ConsumeMessage } from 'amqplib';
import { BrokerTopologyError } from '../../../src/broker/port.ts';
import { createRabbitMqBroker } from '../../../src/broker/rabbitmq/rabbitmq-broker.ts';
import {
  deleteTopology,
  openOnce,
  outgoingEvent,
  rabbitMqOptions,
  recordingLog,
  takeFrom,
  uniquePrefix,
  withChannel,
} from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';

describe('the RabbitMQ topology', () => {
  let prefix: string;

  beforeEach(() => {
    prefix = uniquePrefix();
  });

  afterEach(() => deleteTopology(prefix));

  describe('when nothing is declared yet', () => {
    it('declares exchange, live queue, history and dead letters', async () => {
      await openOnce(prefix);
      await withChannel(async (channel) => {
        await channel.checkExchange(prefix);
        for (const queue of ['projector', 'history', 'dead-letters']) await channel.checkQueue(`${prefix}.${queue}`);
      });
    });

    it('binds the live queue and the history alike', async () => {
      const broker = createRabbitMqBroker(rabbitMqOptions(prefix, { bindingKeys: ['order.tagged', 'return.#'] }));
      await broker.open();
      try {
        await broker.publish([outgoingEvent(1), outgoingEvent(2, 'r-1', 'return.opened.v1')]);
        assert.equal(await broker.queueDepth(), 2);
        // A stream's count follows a little later.
        await eventually(async () => {
          const history = await withChannel((channel) => channel.checkQueue(`${prefix}.history`));
          assert.equal(history.messageCount, 2);
        });
      } finally {
        await broker.close();
      }
    });
  });

  describe('when everything is declared already', () => {
    it('opens again, and several at once', async () => {
      await openOnce(prefix);
      await assert.doesNotReject(Promise.all([openOnce(prefix), openOnce(prefix), openOnce(prefix)]));
    });
  });

  describe('when something is declared differently', () => {
    it('refuses another delivery limit and says what differs', async () => {
      await openOnce(prefix, { deliveryLimit: 20 });
      await assert.rejects(openOnce(prefix, { deliveryLimit: 50 }), (error: unknown) => {
        assert.ok(error instanceof BrokerTopologyError);
        assert.match(
          error.message,
          new RegExp(`queue '${prefix}\\.projector' is declared differently: x-delivery-limit \\(DELIVERY_LIMIT\\)`),
        );
        assert.match(error.message, /is '20' in RabbitMQ, this service asks for '50'/);
        return true;
      });
    });

    it('refuses an exchange of another type', async () => {
      await withChannel((channel) => channel.assertExchange(prefix, 'fanout', { durable: true }));
      await assert.rejects(openOnce(prefix), {
        code: 'BROKER_TOPOLOGY',
        message: /exchange '.*' is declared differently: type is 'fanout' in RabbitMQ, this service asks for 'topic'/,
      });
    });

    it('refuses a live queue that is not a quorum queue', async () => {
      await withChannel((channel) => channel.assertQueue(`${prefix}.projector`, { durable: true }));
      await assert.rejects(openOnce(prefix), {
        code: 'BROKER_TOPOLOGY',
        message: /projector' is declared differently/,
      });
    });

    it('warns of another maximal age of the history and goes on', async () => {
      await openOnce(prefix, { historyMaxAge: '30D' });
      const log = recordingLog();
      await openOnce(prefix, { historyMaxAge: '7D', log });
      const warnings = log.entries.filter(({ level }) => level === 'warn');
      assert.equal(warnings.length, 1);
      assert.match(
        warnings[0]?.message ?? '',
        /x-max-age \(HISTORY_MAX_AGE\) is '30D' in RabbitMQ, this service asks for '7D'/,
      );
    });

    it('refuses another maximal size of the history behind another maximal age', async () => {
      await openOnce(prefix, { historyMaxAge: '30D' });
      await assert.rejects(openOnce(prefix, { historyMaxAge: '7D', historyMaxBytes: 1_000_000_000 }), {
        code: 'BROKER_TOPOLOGY',
        message: /x-max-length-bytes \(HISTORY_MAX_BYTES\) is not set in RabbitMQ, this service asks for '1000000000'/,
      });
    });
  });

  describe('when it is opened by a publisher', () => {
    it('is used as it is where it is declared, and no more is declared', async () => {
      await openOnce(prefix, { deliveryLimit: 20 });
      await withChannel((channel) => channel.deleteQueue(`${prefix}.history`));
      const log = recordingLog();
      const broker = createRabbitMqBroker(rabbitMqOptions(prefix, { declares: 'if-absent', log }));
      await broker.open();
      try {
        await broker.publish([outgoingEvent(1)]);
        assert.equal(await broker.queueDepth(), 1);
      } finally {
        await broker.close();
      }
      assert.deepEqual(log.entries, []);
      await assert.rejects(
        withChannel((channel) => channel.checkQueue(`${prefix}.history`)),
        { code: 404 },
      );
    });

    it('is declared, with a warning, where it is not', async () => {
      const log = recordingLog();
      await openOnce(prefix, { declares: 'if-absent', log });
      assert.deepEqual(
        log.entries.map(({ level, fields }) => ({ level, fields })),
        [{ level: 'warn', fields: { queue: `${prefix}.projector` } }],
      );
      await assert.doesNotReject(openOnce(prefix));
    });

    it('says what is missing where it cannot be declared', async () => {
      await withChannel((channel) => channel.assertExchange(prefix, 'fanout', { durable: true }));
      await assert.rejects(openOnce(prefix, { declares: 'if-absent' }), {
        code: 'BROKER_TOPOLOGY',
        message: /^there is no queue '.*\.projector' in RabbitMQ, and it cannot be declared: .* type is 'fanout'/,
      });
    });
  });

  describe('when a delivery is rejected beyond the delivery limit', () => {
    it('dead-letters it', async () => {
      await openOnce(prefix, { deliveryLimit: 1, singleActiveConsumer: false });
      await withChannel(async (channel) => {
        channel.sendToQueue(`${prefix}.projector`, Buffer.from('poison'));
        await channel.prefetch(1);
        const reject = (message: ConsumeMessage | null): void => {
          if (message !== null) channel.nack(message, false, true);
        };
        await channel.consume(`${prefix}.projector`, reject);
        const letter = await takeFrom(`${prefix}.dead-letters`);
        assert.equal(letter.content.toString(), 'poison');
        assert.equal(letter.properties.headers?.['x-death']?.[0]?.queue, `${prefix}.projector`);
      });
    });
  });

  describe('when no host answers', () => {
    it('says so at once, of each host', async () => {
      const urls = ['amqp://guest:secret@127.0.0.1:1', 'amqp://guest:secret@127.0.0.1:2'];
      await assert.rejects(openOnce(prefix, { urls }), (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, /127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:2: .*ECONNREFUSED/);
        assert.doesNotMatch(error.message, /secret/);
        return 'code' in error && error.code === 'BROKER_UNAVAILABLE';
      });
      await openOnce(prefix);
    });

    it('tries the next host', async () => {
      const { urls } = rabbitMqOptions(prefix);
      await assert.doesNotReject(openOnce(prefix, { urls: ['amqp://127.0.0.1:1', ...urls] }));
    });

    it('says that the password is wrong', async () => {
      const url = new URL(rabbitMqOptions(prefix).urls[0] ?? '');
      url.password = 'wrong';
      await assert.rejects(openOnce(prefix, { urls: [url.href] }), {
        code: 'BROKER_UNAVAILABLE',
        message: /ACCESS_REFUSED/,
      });
      await openOnce(prefix);
    });
  });
});
