import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  AMQP_URL,
  amqpAddress,
  amqpUrlVia,
  deleteTopology,
  eventIdOf,
  openOnce,
  outgoingEvent,
  takeFrom,
  uniquePrefix,
  withChannel,
} from '../support/amqp-broker.ts';
import { eventually } from '../support/eventually.ts';
import { startCollector } from '../support/otlp-collector.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const LAUNCHER = new URL('../../bin/order-search.js', import.meta.url).pathname;

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('order-search publish', () => {
  let prefix: string;
  let folder: string;

  beforeEach(async () => {
    prefix = uniquePrefix();
    folder = await mkdtemp(join(tmpdir(), 'order-search-cli-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
    await deleteTopology(prefix);
  });

  async function run(args: readonly string[], env: Record<string, string> = {}, stdin?: string): Promise<Run> {
    const { promise, resolve } = Promise.withResolvers<Run>();
    const options = { env: { ...process.env, AMQP_URL, PREFIX: prefix, ...env } };
    const child = execFile(process.execPath, [LAUNCHER, 'publish', ...args], options, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    child.stdin?.end(stdin ?? '');
    return promise;
  }

  async function fileOf(content: string | Buffer): Promise<string> {
    const path = join(folder, 'events.ndjson');
    await writeFile(path, content);
    return path;
  }

  function linesOf(count: number): string[] {
    return Array.from({ length: count }, (_, index) => Buffer.from(outgoingEvent(index + 1).body).toString());
  }

  /** The bodies in the live queue, in order, once there are as many. */
  async function published(atLeast: number): Promise<string[]> {
    return withChannel(async (channel) => {
      const bodies: string[] = [];
      await channel.consume(
        `${prefix}.projector`,
        (message) => message !== null && bodies.push(message.content.toString()),
        {
          noAck: true,
        },
      );
      await eventually(() => assert.ok(bodies.length >= atLeast, `${bodies.length} of ${atLeast}`));
      assert.equal((await channel.checkQueue(`${prefix}.projector`)).messageCount, 0);
      return bodies;
    });
  }

  describe('when the file is good', () => {
    it('publishes its lines as they are, in order, and says how many', async () => {
      await openOnce(prefix);
      const lines = ['  {"subject":"ö","type":"order.placed.v2",  "id":"1","unknown":[1e2]}', ...linesOf(20)];
      const { exitCode, stdout, stderr } = await run([await fileOf(lines.join('\r\n') + '\n\n')]);
      assert.match(stdout, /^published 21 events in \d+\.\d s\n$/);
      assert.deepEqual([exitCode, stderr], [0, '']);
      assert.deepEqual(await published(21), lines);
    });

    it('reads gzip, told by its first bytes', async () => {
      const lines = linesOf(50);
      const { exitCode, stdout } = await run([await fileOf(gzipSync(lines.join('\n'))), '--json']);
      assert.equal(exitCode, 0);
      const { seconds, ...summary } = JSON.parse(stdout) as Record<string, unknown>;
      assert.deepEqual(summary, { published: 50, skipped: 0, unconfirmed: 0, ok: true });
      assert.equal(typeof seconds, 'number');
      assert.deepEqual(await published(50), lines);
    });

    it('reads standard input', async () => {
      const lines = linesOf(3);
      const { exitCode } = await run(['-'], {}, lines.join('\n'));
      assert.equal(exitCode, 0);
      assert.deepEqual(await published(3), lines);
    });

    it('publishes no faster than it is told', async () => {
      const begun = performance.now();
      await run([await fileOf(linesOf(11).join('\n')), '--rate', '20/s']);
      assert.ok(performance.now() - begun >= 500);
      assert.equal((await published(11)).length, 11);
    });
  });

  describe('when the service has declared its queues', () => {
    beforeEach(() => openOnce(prefix, { deliveryLimit: 20, singleActiveConsumer: false }));

    it('uses them as they are', async () => {
      const { exitCode, stderr } = await run(['-'], { DELIVERY_LIMIT: '30' }, linesOf(1)[0]);
      assert.deepEqual([exitCode, stderr], [0, '']);
      assert.equal((await published(1)).length, 1);
    });

    it('refuses an exchange that is not there, and does not make it', async () => {
      const exchange = `${prefix}.typo`;
      try {
        const { exitCode, stdout, stderr } = await run(['-', '--exchange', exchange, '--json'], {}, linesOf(1)[0]);
        assert.equal(exitCode, 2);
        assert.ok(stderr.startsWith(`there is no exchange '${exchange}' in RabbitMQ. `), stderr);
        assert.match(stderr, /--exchange \(EXCHANGE\)/);
        const { published: count, ok, problem } = JSON.parse(stdout) as Record<string, unknown>;
        assert.deepEqual([count, ok, problem], [0, false, stderr.trimEnd()]);
        await assert.rejects(
          withChannel((channel) => channel.checkExchange(exchange)),
          { code: 404 },
        );
      } finally {
        await withChannel((channel) => channel.deleteExchange(exchange));
      }
    });

    it('ends at once where this user may not write to the exchange', async () => {
      // RabbitMQ answers whoever publishes to an internal exchange as it answers who may not write to it.
      await withChannel(async (channel) => {
        await channel.deleteExchange(prefix);
        await channel.assertExchange(prefix, 'topic', { internal: true });
      });
      const { exitCode, stdout, stderr } = await run(['-', '--json'], {}, linesOf(3).join('\n'));
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, /^[^\n]*403 \(ACCESS-REFUSED\)[^\n]*\. Give this user write on the exchange [^\n]*\n$/);
      const { published: count, ok } = JSON.parse(stdout) as Record<string, unknown>;
      assert.deepEqual([count, ok], [0, false]);
    });

    it('binds nothing to them', async () => {
      const other = JSON.stringify({ id: '1', type: 'parcel.sent.v1', subject: 'p-1' });
      const { exitCode, stderr } = await run(['-'], { BINDING_KEYS: 'order.#,parcel.#' }, other);
      assert.equal(exitCode, 1);
      assert.match(stderr, /^standard input:1: cannot be routed: no queue is bound to exchange/);
    });
  });

  describe('when the service was never started', () => {
    it('declares its queues, keeps the events in them, and says so', async () => {
      const { exitCode, stderr } = await run(['-'], {}, linesOf(1)[0]);
      assert.equal(exitCode, 0);
      assert.ok(
        stderr.startsWith(`there was no queue '${prefix}.projector' in RabbitMQ, so it was declared: `),
        stderr,
      );
      assert.match(stderr, /started with the same prefix\n$/);
      await assert.doesNotReject(openOnce(prefix));
      assert.equal((await published(1)).length, 1);
    });
  });

  describe('when the connection is cut in the middle', () => {
    it('publishes everything at least once', async function () {
      this.timeout(30_000);
      const proxy = await startTcpProxy(amqpAddress());
      try {
        const lines = linesOf(3_000);
        proxy.throttle(500_000);
        const running = run([await fileOf(lines.join('\n'))], { AMQP_URL: amqpUrlVia(proxy) });
        await eventually(() => assert.ok(proxy.bytesSent > 200_000));
        proxy.cut();
        await eventually(() => assert.ok(proxy.bytesSent > 500_000));
        proxy.cut();
        proxy.throttle(undefined);
        const { exitCode, stdout, stderr } = await running;
        assert.match(stdout, /^published 3000 events in /);
        assert.equal(exitCode, 0);
        assert.match(stderr, /\d+ events are sent again\n/);
        const arrived = await published(3_000);
        assert.deepEqual(new Set(arrived.map((body) => eventIdOf(Buffer.from(body)))).size, 3_000);
      } finally {
        await proxy.close();
      }
    });
  });

  describe('when a line is bad', () => {
    beforeEach(() => openOnce(prefix));

    it('names file, line and remedy, and says how many were published before it', async () => {
      const [first = '', second = '', third = ''] = linesOf(3);
      const path = await fileOf([first, second, '{"id":', third].join('\n'));
      const { exitCode, stdout, stderr } = await run([path]);
      assert.equal(exitCode, 1);
      assert.ok(stderr.startsWith(`${path}:3: is not JSON (`), stderr);
      assert.match(stderr, /Repair the line .*--skip-invalid/);
      assert.match(stdout, /^published 2 events in .*, then stopped/);
      assert.deepEqual(await published(2), [first, second]);
    });

    it('names what is missing', async () => {
      const { exitCode, stderr } = await run(['-'], {}, '{"id":"1","subject":7}\n');
      assert.equal(exitCode, 1);
      assert.match(stderr, /^standard input:1: has no "type", no "subject"\. /);
    });

    it('names the line that no queue is bound for', async () => {
      const unroutable = JSON.stringify({ id: '1', type: 'parcel.sent.v1', subject: 'p-1' });
      const { exitCode, stdout, stderr } = await run(['-'], {}, [...linesOf(1), unroutable].join('\n'));
      assert.equal(exitCode, 1);
      assert.match(stderr, /^standard input:2: cannot be routed: .* routing key 'parcel\.sent'/);
      assert.match(stdout, /^published 1 events/);
    });

    it('prints nothing of it that a terminal would obey', async () => {
      for (const flags of [[], ['--skip-invalid']]) {
        const { stderr } = await run(['-', ...flags], {}, 'x\u001b[2J');
        assert.match(stderr, /^standard input:1: is not JSON \(.*\\u001b\[2J/);
        assert.ok(!stderr.includes('\u001b'));
      }
    });

    it('leaves it out and goes on where it is told to', async () => {
      const [first = '', last = ''] = linesOf(2);
      const lines = [
        first,
        'nonsense',
        '[]',
        JSON.stringify({ id: '1', type: 'parcel.sent.v1', subject: 'p-1' }),
        last,
      ];
      const { exitCode, stdout, stderr } = await run(['-', '--skip-invalid'], {}, lines.join('\n'));
      assert.equal(exitCode, 0);
      assert.match(stdout, /^published 2 events in .*, left out 3 lines\n$/);
      assert.deepEqual(
        stderr.match(/^standard input:\d+/gm)?.sort(),
        [2, 3, 4].map((line) => `standard input:${line}`),
      );
      assert.deepEqual(await published(2), [first, last]);
    });
  });

  describe('when it cannot begin', () => {
    it('says which file cannot be read', async () => {
      const { exitCode, stderr } = await run([join(folder, 'absent')]);
      assert.equal(exitCode, 1);
      assert.match(stderr, /absent cannot be read: ENOENT/);
    });

    it('says that the file ends too early', async () => {
      const gzipped = gzipSync(linesOf(1_000).join('\n'));
      const { exitCode, stdout, stderr } = await run([await fileOf(gzipped.subarray(0, gzipped.length / 2))]);
      assert.equal(exitCode, 1);
      assert.match(stderr, /cannot be read to its end: unexpected end of file/);
      assert.match(stdout, /^published \d+ events in .*, then stopped/);
    });

    it('says what is configured wrongly', async () => {
      const { exitCode, stderr } = await run(['-'], { AMQP_URL: '', DELIVERY_LIMIT: 'many' });
      assert.equal(exitCode, 2);
      assert.match(stderr, /^DELIVERY_LIMIT="many": use a whole number .*\nAMQP_URL is not set: .*--amqp-url/);
    });

    it('says that the broker cannot be reached', async () => {
      const { exitCode, stderr } = await run(['-', '--amqp-url', 'amqp://guest:secret@127.0.0.1:1']);
      assert.equal(exitCode, 3);
      assert.match(stderr, /RabbitMQ cannot be reached: 127\.0\.0\.1:1: connect ECONNREFUSED/);
      assert.doesNotMatch(stderr, /secret/);
    });
  });

  describe('when RabbitMQ does not let it in', () => {
    async function refusal(change: (url: URL) => void): Promise<string> {
      const url = new URL(AMQP_URL);
      change(url);
      const { exitCode, stderr } = await run(['-', '--amqp-url', url.href], {}, linesOf(1)[0]);
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, /\. See to AMQP_URL or --amqp-url\n$/);
      return stderr;
    }

    it('says that it is the user or the password, and shows none', async () => {
      const stderr = await refusal((url) => (url.password = 'secret'));
      assert.match(stderr, /: user or password is wrong \(ACCESS_REFUSED\)/);
      assert.doesNotMatch(stderr, /secret/);
    });

    it('names the virtual host', async () => {
      const stderr = await refusal((url) => (url.pathname = `/${prefix}`));
      assert.ok(stderr.includes(`: the virtual host '${prefix}' is not there, or `), stderr);
    });
  });

  describe('when it is interrupted', () => {
    interface Held {
      readonly type: (text: string | Buffer) => void;
      readonly stderr: () => string;
    }

    /** Standard input stays open; interrupted once `isTime` resolves. */
    async function interruptedRun(args: readonly string[], isTime: (held: Held) => Promise<void>): Promise<Run> {
      const { promise, resolve } = Promise.withResolvers<Run>();
      const options = { env: { ...process.env, AMQP_URL, PREFIX: prefix } };
      const child = execFile(process.execPath, [LAUNCHER, 'publish', ...args], options, (error, stdout, stderr) => {
        resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
      });
      let stderr = '';
      child.stderr?.on('data', (text: string) => (stderr += text));
      await isTime({ type: (text) => void child.stdin?.write(text), stderr: () => stderr });
      child.kill('SIGINT');
      return promise;
    }

    async function queued(atLeast: number): Promise<void> {
      await eventually(() =>
        withChannel(async (channel) => {
          assert.ok((await channel.checkQueue(`${prefix}.projector`)).messageCount >= atLeast);
        }),
      );
    }

    beforeEach(() => openOnce(prefix));

    it('ends with its summary while it waits for input', async () => {
      const { exitCode, stdout, stderr } = await interruptedRun(['-'], async ({ type }) => {
        type(`${linesOf(2).join('\n')}\n`);
        await queued(2);
      });
      assert.deepEqual([exitCode, stderr], [130, 'interrupted\n']);
      assert.match(stdout, /^published 2 events in .*, then stopped/);
    });

    it('ends with its summary while it waits for more of what is gzipped', async () => {
      const gzipped = gzipSync(linesOf(3_000).join('\n'));
      const { exitCode, stdout, stderr } = await interruptedRun(['-'], async ({ type }) => {
        type(gzipped.subarray(0, gzipped.length / 2));
        await queued(1);
      });
      assert.deepEqual([exitCode, stderr], [130, 'interrupted\n']);
      assert.match(stdout, /^published \d+ events in .*, then stopped/);
    });

    it('ends with 130 in an outage too, and says how many were not confirmed', async () => {
      const [first, second] = linesOf(2);
      const proxy = await startTcpProxy(amqpAddress());
      try {
        const args = ['-', '--amqp-url', amqpUrlVia(proxy)];
        const { exitCode, stdout, stderr } = await interruptedRun(args, async (held) => {
          held.type(`${first}\n`);
          await queued(1);
          await proxy.refuse();
          await eventually(() => {
            held.type(`${second}\n`);
            assert.match(held.stderr(), /\d events are sent again/);
          });
        });
        assert.equal(exitCode, 130);
        assert.match(stderr, /\ninterrupted\n$/);
        assert.match(stdout, /^published 1 events in .*, [1-9]\d* sent without a confirm, then stopped/);
      } finally {
        await proxy.close();
      }
    });
  });

  describe('when there is a collector for traces', () => {
    it('traces each publishing, from where the event happened, and says so in the header', async () => {
      const collector = await startCollector();
      const { body } = outgoingEvent(1);
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
      const line = JSON.stringify({ ...(JSON.parse(Buffer.from(body).toString()) as object), traceparent });
      const { exitCode, stderr } = await run(['-'], { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }, line);
      collector.close();
      assert.equal(exitCode, 0, stderr);
      const exported = collector.requests.map((request) => request.body).join('');
      assert.ok(exported.includes('emit_event'));
      assert.ok(exported.includes(Buffer.from(traceId, 'hex').toString('latin1')));
      const { properties, content } = await takeFrom(`${prefix}.projector`);
      const header = String(properties.headers?.['traceparent']);
      assert.match(header, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
      assert.notEqual(header, traceparent);
      assert.equal(content.toString(), line);
    });
  });
});
