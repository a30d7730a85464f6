import assert from 'node:assert/strict';
import fc from 'fast-check';
import { readConfig } from '../../src/config.ts';
import type { Config } from '../../src/config.ts';

const SERVICES = {
  AMQP_URL: 'amqp://guest:guest@127.0.0.1:5672',
  ELASTICSEARCH_URL: 'http://127.0.0.1:9200',
  AUTH: 'off',
};
const SECRET = 'a-secret-of-thirty-two-bytes-and-more';

function configOf(env: Record<string, string | undefined>): Config {
  const result = readConfig(env);
  assert.ok(result.ok, result.ok ? '' : result.problems.join('\n'));
  return result.config;
}

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  const result = readConfig(env);
  assert.ok(!result.ok, 'the configuration is refused');
  return result.problems;
}

describe('readConfig', () => {
  describe('when there is a collector for traces', () => {
    it('takes its URL', () => {
      const url = 'https://collector.example:4318';
      assert.equal(configOf({ OTEL_EXPORTER_OTLP_ENDPOINT: url }).otlpEndpoint, url);
      assert.equal(configOf({}).otlpEndpoint, undefined);
    });

    it('refuses what is none, without showing it: there may be a key in it', () => {
      const [problem = ''] = problemsOf({ OTEL_EXPORTER_OTLP_ENDPOINT: 'grpc://key@collector:4317' });
      assert.match(problem, /^OTEL_EXPORTER_OTLP_ENDPOINT=\(value not shown\)/);
    });
  });

  describe('when nothing is set', () => {
    it('gives the embedded default, open, on the loopback address', () => {
      const config = configOf({});
      assert.deepEqual(config.backend, { kind: 'embedded', dataDir: 'data' });
      assert.deepEqual(config.auth, { kind: 'off', reason: 'embedded' });
      assert.deepEqual(config.http, {
        ...{ host: '127.0.0.1', port: 3000, allowedHosts: [], corsOrigins: [], requestsPerMinute: undefined },
        trustedProxies: 0,
      });
    });

    it('limits requests only where a limit is set', () => {
      assert.equal(configOf({ RATE_LIMIT_PER_MINUTE: '0' }).http.requestsPerMinute, undefined);
      assert.equal(configOf({ RATE_LIMIT_PER_MINUTE: '600' }).http.requestsPerMinute, 600);
    });

    it('takes small limits, such as tests and small shops have', () => {
      const small = { MAX_STORED_EVENTS: '1', DELIVERY_LIMIT: '1', MAX_MESSAGE_BYTES: '256', REFRESH_INTERVAL: '50ms' };
      const { projector, index } = configOf(small);
      assert.deepEqual(
        [projector.maxStoredEvents, projector.deliveryLimit, projector.maxMessageBytes, index.refreshInterval],
        [1, 1, 256, '50ms'],
      );
      assert.equal(configOf({ STANDBY_TTL_HOURS: '0.5' }).rebuild.standbyTtlHours, 0.5);
      assert.equal(problemsOf({ STANDBY_TTL_HOURS: '-1', MAX_STORED_EVENTS: '0' }).length, 2);
    });

    it('has the defaults of the contract', () => {
      const config = configOf({});
      assert.equal(config.prefix, 'orders');
      assert.equal(config.exchange, 'orders');
      assert.deepEqual(config.bindingKeys, ['order.#']);
      assert.equal(config.role, 'all');
      assert.deepEqual(config.projector, {
        prefetch: 10_000,
        batchSize: 1_000,
        batchDelayMs: 50,
        bulkConcurrency: 2,
        singleActiveConsumer: true,
        deliveryLimit: 50,
        maxMessageBytes: 4_194_304,
        maxStoredEvents: 1000,
        gapGraceSeconds: 60,
      });
      assert.deepEqual(config.index, { shards: 1, replicas: 1, refreshInterval: '1s' });
      assert.deepEqual(config.history, { maxAge: '30D', maxBytes: undefined });
      assert.deepEqual(config.rollups, { intervalMs: 5000, retentionDays: undefined, lateGraceSeconds: 3600 });
      assert.deepEqual(config.rebuild, { auto: false, standbyTtlHours: 24, importDir: undefined });
      assert.equal(config.logLevel, 'info');
    });
  });

  describe('when values are empty or unknown', () => {
    it('takes the empty ones as unset and ignores the unknown ones', () => {
      assert.deepEqual(configOf({ PORT: '', AMQP_URL: ' ', HOME: '/root', SHADRS: 'x' }), configOf({}));
    });
  });

  describe('when RabbitMQ and Elasticsearch are named', () => {
    it('gives their hosts', () => {
      const { backend } = configOf({
        ...SERVICES,
        AMQP_URL: 'amqp://a,amqp://b:5673',
        ELASTICSEARCH_URL: 'http://c:9200, http://d:9200',
      });
      assert.ok(backend.kind === 'services');
      assert.deepEqual(backend.amqp.urls, ['amqp://a', 'amqp://b:5673']);
      assert.deepEqual(backend.elasticsearch.urls, ['http://c:9200/', 'http://d:9200/']);
    });

    it('lets hosts share credentials and virtual host, whatever the password', () => {
      const { backend } = configOf({ ...SERVICES, AMQP_URL: 'amqp://user:p,w@a:1, b:2,c/orders?heartbeat=5' });
      assert.ok(backend.kind === 'services');
      assert.deepEqual(backend.amqp.urls, [
        'amqp://user:p,w@a:1/orders?heartbeat=5',
        'amqp://user:p,w@b:2/orders?heartbeat=5',
        'amqp://user:p,w@c/orders?heartbeat=5',
      ]);
    });

    it('names what is not encoded in a URL of hosts, of whichever host, and what to write', () => {
      for (const [variable, url] of [
        ['AMQP_URL', 'amqp://guest:guest@127.0.0.1/%zz'],
        ['AMQP_URL', 'amqp://guest:guest@a/orders,amqp://guest:guest@b/50%'],
        ['AMQP_URL', 'amqp://guest:100%@a,b/orders'],
        ['AMQP_URL', 'amqp://gu%est:guest@a'],
        ['AMQP_URL', 'amqp://guest%4:1@a'],
        ['ELASTICSEARCH_URL', 'http://elastic:100%@a'],
      ] as const) {
        assert.deepEqual(problemsOf({ ...SERVICES, [variable]: url }), [
          `${variable}=(value not shown): use %25 for a % in the user, the password or the path (the virtual host)`,
        ]);
      }
    });

    it('takes a virtual host, user and password that are encoded', () => {
      const { backend } = configOf({ ...SERVICES, AMQP_URL: 'amqp://us%25er:p%40ss@a/%2Forders%25' });
      assert.ok(backend.kind === 'services');
      assert.deepEqual(backend.amqp.urls, ['amqp://us%25er:p%40ss@a/%2Forders%25']);
    });

    it('takes the credentials out of the Elasticsearch URL', () => {
      const { backend } = configOf({ ...SERVICES, ELASTICSEARCH_URL: 'https://elastic:p%40ss@es-1:9200,es-2:9200' });
      assert.ok(backend.kind === 'services');
      assert.deepEqual(backend.elasticsearch, {
        urls: ['https://es-1:9200/', 'https://es-2:9200/'],
        auth: { kind: 'basic', username: 'elastic', password: 'p@ss' },
        caFile: undefined,
      });
    });

    it('refuses half of the credentials in the Elasticsearch URL', () => {
      for (const url of ['http://u@es-1', 'http://:p@es-1', 'http://u:p@es-1,http://u@es-2']) {
        assert.deepEqual(problemsOf({ ...SERVICES, ELASTICSEARCH_URL: url }), [
          'ELASTICSEARCH_URL=(value not shown): name a user and its password, or neither of them',
        ]);
      }
      assert.match(problemsOf({ ...SERVICES, ELASTICSEARCH_URL: 'ftp://u@es-1' }).join('\n'), /^[^\n]*use http:.*$/);
    });

    it('takes an API key', () => {
      const { backend } = configOf({ ...SERVICES, ELASTICSEARCH_API_KEY: 'key' });
      assert.ok(backend.kind === 'services');
      assert.deepEqual(backend.elasticsearch.auth, { kind: 'apiKey', apiKey: 'key' });
    });

    it('refuses to start when only one is named, saying which is missing', () => {
      assert.match(problemsOf({ AMQP_URL: SERVICES.AMQP_URL }).join('\n'), /^ELASTICSEARCH_URL is not set/);
      assert.match(problemsOf({ ELASTICSEARCH_URL: SERVICES.ELASTICSEARCH_URL }).join('\n'), /^AMQP_URL is not set/);
    });

    it('refuses a CA file for connections without TLS', () => {
      assert.match(problemsOf({ ...SERVICES, AMQP_CA: '/ca.pem' }).join('\n'), /^AMQP_CA/);
      assert.match(problemsOf({ ...SERVICES, ELASTICSEARCH_CA: '/ca.pem' }).join('\n'), /^ELASTICSEARCH_CA/);
    });

    it('refuses credentials given in two ways, or by halves', () => {
      const inUrl = 'http://u:p@localhost:9200';
      assert.equal(problemsOf({ ...SERVICES, ELASTICSEARCH_URL: inUrl, ELASTICSEARCH_API_KEY: 'k' }).length, 1);
      assert.equal(problemsOf({ ...SERVICES, ELASTICSEARCH_USERNAME: 'u' }).length, 1);
      assert.equal(problemsOf({ ...SERVICES, ELASTICSEARCH_PASSWORD: 'p' }).length, 1);
    });
  });

  describe('when it comes to who may call', () => {
    it('refuses to start on the real services without a word about it', () => {
      assert.match(problemsOf({ ...SERVICES, AUTH: undefined }).join('\n'), /AUTH_JWT_SECRET .* AUTH=off/);
    });

    it('runs open where AUTH=off says so', () => {
      assert.deepEqual(configOf(SERVICES).auth, { kind: 'off', reason: 'AUTH=off' });
    });

    it('takes a secret or a key set, with issuer and audience', () => {
      const withSecret = {
        ...SERVICES,
        AUTH: undefined,
        AUTH_JWT_SECRET: SECRET,
        AUTH_ISSUER: 'shop',
        AUTH_AUDIENCE: 'orders',
      };
      assert.deepEqual(configOf(withSecret).auth, {
        kind: 'secret',
        secret: SECRET,
        issuer: 'shop',
        audience: 'orders',
      });
      const withKeys = { AUTH_JWKS_URL: 'https://id.example/jwks' };
      assert.deepEqual(configOf(withKeys).auth, {
        kind: 'jwks',
        url: 'https://id.example/jwks',
        issuer: undefined,
        audience: undefined,
      });
    });

    it('refuses contradictions and any other AUTH', () => {
      assert.equal(problemsOf({ AUTH: 'off', AUTH_JWT_SECRET: SECRET }).length, 1);
      assert.equal(problemsOf({ AUTH_JWKS_URL: 'https://id.example/jwks', AUTH_JWT_SECRET: SECRET }).length, 1);
      assert.match(problemsOf({ AUTH: 'on' }).join('\n'), /^AUTH="on": use off/);
    });
  });

  describe('when pages of other origins may ask', () => {
    it('keeps origins as browsers send them', () => {
      const { http } = configOf({ CORS_ORIGINS: 'https://Shop.Example, HTTP://10.0.0.1:8080,http://[2001:DB8::1]:81' });
      assert.deepEqual(http.corsOrigins, ['https://shop.example', 'http://10.0.0.1:8080', 'http://[2001:db8::1]:81']);
      for (const origin of [
        ...['https://shop.example/', 'https://shop.example:443', 'http://shop.example:80', 'https://u@shop.example'],
        ...['https://bücher.example', 'http://[2001:db8:0::1]', 'https://*.example', '*', 'null', 'shop.example'],
      ])
        assert.match(
          problemsOf({ CORS_ORIGINS: origin }).join(),
          /^CORS_ORIGINS="[^"]+": use origins such as /,
          origin,
        );
    });
  });

  describe('when it is called by names of the public DNS', () => {
    it('keeps them as browsers send them, where nobody has to say who they are', () => {
      const { http } = configOf({ ALLOWED_HOSTS: 'Orders.Example, preview-3000.ide.example' });
      assert.deepEqual(http.allowedHosts, ['orders.example', 'preview-3000.ide.example']);
      assert.equal(
        configOf({ ALLOWED_HOSTS: 'a.example', AUTH_JWT_SECRET: 's'.repeat(32) }).http.allowedHosts,
        undefined,
      );
      for (const name of ['https://a.example', 'a.example:3000', 'a.example/', 'bücher.example', 'a b'])
        assert.match(
          problemsOf({ ALLOWED_HOSTS: name }).join(),
          /^ALLOWED_HOSTS="[^"]+": use host names such as /,
          name,
        );
    });
  });

  describe('when the aggregates are configured', () => {
    it('takes how often they are brought up to date, how long they are kept, and how long a day stays open', () => {
      const given = { ROLLUP_INTERVAL_MS: '250', ROLLUP_RETENTION_DAYS: '730', LATE_GRACE_SECONDS: '0' };
      assert.deepEqual(configOf(given).rollups, { intervalMs: 250, retentionDays: 730, lateGraceSeconds: 0 });
    });

    it('refuses an interval that would never rest, no days at all, and a grace of years', () => {
      assert.deepEqual(
        problemsOf({ ROLLUP_INTERVAL_MS: '99', ROLLUP_RETENTION_DAYS: '0', LATE_GRACE_SECONDS: '31622401' }),
        [
          'ROLLUP_INTERVAL_MS="99": use a whole number from 100 to 3600000',
          'ROLLUP_RETENTION_DAYS="0": use a whole number from 1 to 36500',
          'LATE_GRACE_SECONDS="31622401": use a whole number from 0 to 31622400',
        ],
      );
    });
  });

  describe('when a name or a routing key is none that RabbitMQ takes', () => {
    const remedy = "use another name than amq and those that begin with amq.: they are RabbitMQ's own";

    it('refuses the names that are its own', () => {
      assert.deepEqual(problemsOf({ PREFIX: 'amq.x', EXCHANGE: 'amq.fanout' }), [
        `PREFIX="amq.x": ${remedy}`,
        `EXCHANGE="amq.fanout": of the names that begin with amq., which are RabbitMQ's own, only amq.topic is a topic exchange; use it, or another name`,
      ]);
      // Its queues would have such names.
      assert.deepEqual(problemsOf({ PREFIX: 'amq' }), [`PREFIX="amq": ${remedy}`]);
      const { prefix, exchange } = configOf({ PREFIX: 'amqp', EXCHANGE: 'amqp.orders' });
      assert.deepEqual([prefix, exchange], ['amqp', 'amqp.orders']);
      assert.equal(configOf({ EXCHANGE: 'amq.topic' }).exchange, 'amq.topic');
    });

    it('refuses a routing key of more than 255 bytes', () => {
      const longest = 'ä'.repeat(127);
      assert.deepEqual(configOf({ BINDING_KEYS: `${longest}x` }).bindingKeys, [`${longest}x`]);
      assert.deepEqual(problemsOf({ BINDING_KEYS: `order.#,${longest}xx` }), [
        `BINDING_KEYS="order.#,${longest}xx": use routing keys of at most 255 bytes`,
      ]);
    });
  });

  describe('when several values are wrong', () => {
    it('says so in one line each, with the value and the remedy', () => {
      const problems = problemsOf({
        PORT: '70000',
        ROLE: 'king',
        AUTO_REBUILD: 'yes',
        BATCH_SIZE: '1e3',
        CORS_ORIGINS: 'https://a.example,b/c',
      });
      assert.deepEqual(problems, [
        'PORT="70000": use a whole number from 0 to 65535',
        'ROLE="king": use one of all, api, projector',
        'BATCH_SIZE="1e3": use a whole number from 1 to 10000',
        'AUTO_REBUILD="yes": use true or false',
        'CORS_ORIGINS="https://a.example,b/c": use origins such as https://shop.example, separated by commas, without a path or a default port',
      ]);
    });

    it('tells mistakes of single values and of combinations together', () => {
      assert.equal(problemsOf({ AMQP_URL: 'amqp://a', PORT: 'x' }).length, 2);
    });
  });

  describe('when a wrong value may be a secret', () => {
    it('does not show it', () => {
      const problems = problemsOf({
        AMQP_URL: 'amqp://user:hunter2',
        ELASTICSEARCH_URL: 'ftp://u:hunter2@h',
        AUTH_JWKS_URL: 'hunter2',
      });
      assert.ok(problems.length >= 3);
      assert.doesNotMatch(problems.join('\n'), /hunter2/);
    });
  });

  const names = fc.constantFrom(
    ...[
      'AMQP_URL',
      'AMQP_CA',
      'ELASTICSEARCH_URL',
      'ELASTICSEARCH_API_KEY',
      'ELASTICSEARCH_USERNAME',
      'ELASTICSEARCH_PASSWORD',
    ],
    ...[
      'PREFIX',
      'EXCHANGE',
      'BINDING_KEYS',
      'HOST',
      'PORT',
      'ROLE',
      'PREFETCH',
      'SINGLE_ACTIVE_CONSUMER',
      'REFRESH_INTERVAL',
    ],
    ...[
      'HISTORY_MAX_AGE',
      'HISTORY_MAX_BYTES',
      'AUTH',
      'AUTH_JWT_SECRET',
      'AUTH_JWKS_URL',
      'ALLOWED_HOSTS',
      'CORS_ORIGINS',
      'LOG_LEVEL',
      '__proto__',
    ],
  );
  const awkward = fc.constantFrom(
    'amqp://',
    'amqp://u:%@h',
    'http://[',
    'http://%',
    'https://a,,b',
    ',',
    '-1',
    'NaN',
    '9'.repeat(400),
    '\0',
    '\ud800',
  );
  const values = fc.oneof(fc.string({ unit: 'binary' }), awkward, fc.webUrl({ withQueryParameters: true }));

  it('never throws, and names a variable in every problem, whatever the environment', () => {
    fc.assert(
      fc.property(fc.dictionary(names, values), (env) => {
        const result = readConfig(env);
        if (!result.ok) {
          assert.ok(result.problems.length > 0);
          for (const problem of result.problems) assert.match(problem, /^[A-Z][A-Z_]+[ =,]/);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('shows no secret in a problem, whatever the secret', () => {
    const secrets = fc.constantFrom(
      'AMQP_URL',
      'ELASTICSEARCH_URL',
      'ELASTICSEARCH_PASSWORD',
      'AUTH_JWT_SECRET',
      'AUTH_JWKS_URL',
    );
    const marked = values.map((value) => `${value}zQ7-marker`);
    fc.assert(
      fc.property(fc.dictionary(secrets, marked), (env) => {
        const result = readConfig({ ...env, PORT: 'wrong' });
        assert.ok(!result.ok);
        assert.doesNotMatch(result.problems.join('\n'), /zQ7-marker/);
      }),
      { numRuns: 1000 },
    );
  });
});
