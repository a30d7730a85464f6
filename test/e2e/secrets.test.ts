import assert from 'node:assert/strict';
import { generateEvents } from '../support/generate-events.ts';
import { messageOf, publish, publishMessages } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startCollector, type OtlpCollector } from '../support/otlp-collector.ts';
import { startService, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';
import { bearer } from '../support/tokens.ts';

/** Of the tokens that `bearer` makes. */
const JWT_SECRET = 'a-secret-of-thirty-two-bytes-and-more';
const API_KEY = 'a2V5LW9mLWVsYXN0aWNzZWFyY2g';
const PASSWORDS = { amqp: 'pa55word-of-rabbitmq', elasticsearch: 'pa55word-of-elasticsearch' };
const COLLECTOR_KEY = 'key-of-the-collector';

describe('secrets', function () {
  this.timeout(60_000);
  let backend: TestBackend;
  let collector: OtlpCollector;
  let service: RunningService | undefined;

  before(async () => {
    [backend, collector] = await Promise.all([testBackend(), startCollector()]);
  });
  afterEach(async () => {
    await service?.kill();
    service = undefined;
  });
  after(async () => {
    collector.close();
    await backend.remove();
  });

  /** Everything that anybody without a token is shown, and the whole log. */
  async function assertTold(started: RunningService, tokens: readonly string[]): Promise<void> {
    const open = ['/health', '/health/ready', '/metrics', '/openapi.json'];
    const answers = await Promise.all(open.map(async (path) => (await fetch(started.url + path)).text()));
    const told = [started.log(), ...answers].join('\n');
    assert.match(told, /"level":"debug"/);
    assert.match(told, /"parts":\{"broker"/);
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const basic = base64(`elastic:${PASSWORDS.elasticsearch}`);
    const secrets = [JWT_SECRET, API_KEY, ...Object.values(PASSWORDS), COLLECTOR_KEY, basic, ...tokens];
    for (const secret of secrets) assert.ok(!told.includes(secret), `${secret} is told`);
  }

  it('are told nowhere while all goes well, not even at debug', async () => {
    const started = await startService({
      ...backend.environment,
      ...{ LOG_LEVEL: 'debug', AUTH_JWT_SECRET: JWT_SECRET, AUTH: '', ELASTICSEARCH_API_KEY: API_KEY },
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_EXPORTER_OTLP_HEADERS: `x-key=${COLLECTOR_KEY}` },
    });
    service = started;
    const [admin, expired] = await Promise.all([bearer('admin', 'a-1'), bearer('admin', 'a-1', '-1m')]);
    const ask = (path: string, authorization: string) => fetch(started.url + path, { headers: { authorization } });
    await eventually(async () => assert.equal((await ask('/search', admin)).status, 200));
    assert.equal((await ask('/search', expired)).status, 401);
    assert.equal((await ask('/search', `${admin}x`)).status, 401);
    await publish(backend, generateEvents({ seed: 'secrets', orders: 3 }));
    await publishMessages(backend, [messageOf('no event')]);
    await eventually(async () => {
      const { items } = (await (await ask('/admin/dead-letters', admin)).json()) as { items: unknown[] };
      assert.equal(items.length, 1);
    });
    await eventually(() => assert.match(started.log(), /"msg":"event settled"/));
    await assertTold(
      started,
      [admin, expired].map((token) => token.replace('Bearer ', '')),
    );
  });

  it('are told nowhere where RabbitMQ or Elasticsearch refuses them', async () => {
    const amqp = new URL(backend.environment['AMQP_URL'] ?? '');
    amqp.username = 'somebody';
    amqp.password = PASSWORDS.amqp;
    const started = await startService({
      ...backend.environment,
      ...{ AMQP_URL: amqp.href, LOG_LEVEL: 'debug' },
      ...{ ELASTICSEARCH_USERNAME: 'elastic', ELASTICSEARCH_PASSWORD: PASSWORDS.elasticsearch },
    });
    service = started;
    await eventually(async () => {
      const { body } = await started.get<{ parts: { broker: { reason?: string } } }>('/health');
      assert.match(body.parts.broker.reason ?? '', /ACCESS_REFUSED/);
    });
    await assertTold(started, []);
    await started.kill();
    service = await startService({
      ...backend.environment,
      ELASTICSEARCH_URL: `http://elastic:${PASSWORDS.elasticsearch}@127.0.0.1:1`,
      LOG_LEVEL: 'debug',
    });
    const away = service;
    await eventually(async () => {
      const { body } = await away.get<{ parts: { index: { reason?: string } } }>('/health');
      assert.match(body.parts.index.reason ?? '', /ECONNREFUSED/);
    });
    await assertTold(away, []);
  });
});
