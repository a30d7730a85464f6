import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { generateEvents } from '../support/generate-events.ts';
import { amqpAddress } from '../support/amqp-broker.ts';
import { assertExactly, drainAndStop } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../support/test-backend.ts';
import { certificateAuthority, startTlsProxy, type CertificateAuthority, type TlsProxy } from '../support/tls-proxy.ts';

const LAUNCHER = new URL('../../bin/order-search.js', import.meta.url).pathname;
const PASSWORD = 'not-for-the-wire';
/** A TLS record of a handshake. */
const HANDSHAKE = '\x16\x03';

type Part = 'broker' | 'index';

describe('TLS to RabbitMQ and Elasticsearch', function () {
  this.timeout(60_000);
  let ours: CertificateAuthority;
  let another: CertificateAuthority;
  let backend: TestBackend;
  /** Whose certificate is for the name at which they are reached, and whose is not. */
  let right: Readonly<Record<Part, TlsProxy>>;
  let misnamed: Readonly<Record<Part, TlsProxy>>;
  let service: RunningService | undefined;

  before(async () => {
    [ours, another, backend] = await Promise.all([certificateAuthority(), certificateAuthority(), testBackend()]);
    const { hostname: host, port } = new URL(SHARED_SERVICES.elasticsearchUrl);
    const inFront = async (hostName: string) => {
      const certificate = await ours.sign(hostName);
      return {
        broker: await startTlsProxy(amqpAddress(), certificate),
        index: await startTlsProxy({ host, port: Number(port) }, certificate),
      };
    };
    right = await inFront('localhost');
    misnamed = await inFront('rabbit.example');
    // The indices and queues of what is refused below.
    const first = await startService(backend.environment);
    await untilReady(first);
    await first.stop();
  });
  afterEach(async () => {
    await service?.kill();
    service = undefined;
  });
  after(async () => {
    await Promise.all([right, misnamed].flatMap(({ broker, index }) => [broker.close(), index.close()]));
    await backend.remove();
    ours.remove();
    another.remove();
  });

  function environment({ broker, index }: Readonly<Record<Part, TlsProxy>>): Environment {
    return {
      ...backend.environment,
      AMQP_URL: `amqps://guest:guest@localhost:${broker.port}`,
      AMQP_CA: ours.file,
      ELASTICSEARCH_URL: `https://localhost:${index.port}`,
      ELASTICSEARCH_CA: ours.file,
      ELASTICSEARCH_USERNAME: 'elastic',
      ELASTICSEARCH_PASSWORD: PASSWORD,
    };
  }

  function assertNothingInClear(proxy: TlsProxy): void {
    const basic = Buffer.from(`elastic:${PASSWORD}`).toString('base64');
    const wires = proxy.sent();
    assert.ok(wires.length > 0);
    for (const wire of wires) {
      assert.ok(wire === '' || wire.startsWith(HANDSHAKE), JSON.stringify(wire.slice(0, 20)));
      for (const text of ['AMQP', 'guest', 'HTTP/1.1', 'Basic', basic, PASSWORD, backend.prefix]) {
        assert.ok(!wire.includes(text), `${text} is in clear`);
      }
    }
  }

  it('works where the authority is named that has signed the certificates, and sends nothing in clear', async () => {
    const events = generateEvents({ seed: 'tls', orders: 30 });
    service = await startService(environment(right));
    await untilReady(service);
    const lines = events.map((event) => JSON.stringify(event)).join('\n');
    const publishing = spawn(process.execPath, [LAUNCHER, 'publish', '-'], {
      env: environment(right),
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    publishing.stdin.end(lines);
    assert.deepEqual(await once(publishing, 'exit'), [0, null]);
    await drainAndStop(backend, service);
    await assertExactly(backend, events);
    for (const proxy of Object.values(right)) {
      assert.ok(proxy.bytesForwarded() > 1_000, 'it went past TLS');
      assertNothingInClear(proxy);
    }
  });

  const REFUSED: readonly {
    readonly when: string;
    readonly part: Part;
    readonly changes: () => Environment;
    readonly reached: () => TlsProxy;
    readonly reason: RegExp;
  }[] = [
    {
      when: "RabbitMQ's certificate is signed by another authority",
      part: 'broker',
      changes: () => ({ AMQP_CA: another.file }),
      reached: () => right.broker,
      reason: /RabbitMQ cannot be reached: localhost:\d+: unable to verify the first certificate/,
    },
    {
      when: "RabbitMQ's certificate is for another host",
      part: 'broker',
      changes: () => ({ AMQP_URL: `amqps://guest:guest@localhost:${misnamed.broker.port}` }),
      reached: () => misnamed.broker,
      reason: /RabbitMQ cannot be reached: localhost:\d+: .*Host: localhost. is not in the cert's altnames/,
    },
    {
      when: "Elasticsearch's certificate is signed by another authority",
      part: 'index',
      changes: () => ({ ELASTICSEARCH_CA: another.file }),
      reached: () => right.index,
      reason: /no connection to Elasticsearch: unable to verify the first certificate/,
    },
    {
      when: "Elasticsearch's certificate is for another host",
      part: 'index',
      changes: () => ({ ELASTICSEARCH_URL: `https://localhost:${misnamed.index.port}` }),
      reached: () => misnamed.index,
      reason: /no connection to Elasticsearch: .*Host: localhost. is not in the cert's altnames/,
    },
  ];

  for (const { when, part, changes, reached, reason } of REFUSED) {
    describe(`when ${when}`, () => {
      it('refuses it, says so in /health, and sends it nothing', async () => {
        const proxy = reached();
        const before = proxy.bytesForwarded();
        const asked = proxy.sent().length;
        const started = await startService({ ...environment(right), ...changes() });
        service = started;
        await eventually(async () => {
          const { body } = await started.get<{ parts: Readonly<Record<Part, { state: string; reason?: string }>> }>(
            '/health',
          );
          assert.equal(body.parts[part].state, 'down');
          assert.match(body.parts[part].reason ?? '', reason);
        }, 30_000);
        assert.ok(proxy.sent().length > asked, 'it was not asked');
        assert.equal(proxy.bytesForwarded(), before);
        assertNothingInClear(proxy);
        assert.ok(!started.log().includes(PASSWORD));
      });
    });
  }
});
