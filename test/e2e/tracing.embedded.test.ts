import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService, untilReady, type Environment } from '../support/running-service.ts';

/** Run before everything else in the process: writes the URL of each module that is loaded. */
const RECORDER = `
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    appendFileSync(process.env.LOADED_MODULES, url + '\\n');
    return next(url, context);
  },
});`;

/** Of OpenTelemetry, beyond what Elasticsearch's client itself imports: its API, and a few functions that need nothing else. */
const SDK = /observability\/opentelemetry\.ts|@opentelemetry\/(?!(api|core|semantic-conventions)\/)/;

interface Collected {
  readonly path: string;
  readonly type: string | undefined;
  readonly body: string;
}

async function startCollector(): Promise<{ server: Server; url: string; collected: readonly Collected[] }> {
  const collected: Collected[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      collected.push({ path: request.url ?? '', type: request.headers['content-type'], body });
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, collected };
}

describe('tracing of a service', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-tracing-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Serves a search, stops in good order; resolves with the modules that were loaded meanwhile. */
  async function modulesOf(env: Environment): Promise<readonly string[]> {
    const record = join(folder, 'modules');
    const service = await startService({
      ...{ DATA_DIR: join(folder, 'data'), LOADED_MODULES: record },
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(RECORDER)}`,
      ...env,
    });
    await untilReady(service);
    await service.get('/search?q=lantern');
    await service.stop();
    assert.equal(await service.ended, 0, service.log());
    assert.ok(existsSync(record));
    return readFileSync(record, 'utf8').split('\n');
  }

  describe('when no collector is configured', () => {
    it('loads nothing of the SDK of OpenTelemetry', async () => {
      const modules = await modulesOf({});
      assert.ok(modules.some((url) => url.endsWith('/src/app.ts')));
      assert.deepEqual(
        modules.filter((url) => SDK.test(url)),
        [],
      );
    });
  });

  describe('when one is', () => {
    it('exports over OTLP what was served and projected, the last of it at the end', async () => {
      const { server, url, collected } = await startCollector();
      try {
        const modules = await modulesOf({
          OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/tenant/`,
          OTEL_SERVICE_NAME: 'lanterns',
        });
        assert.ok(modules.some((module) => SDK.test(module)));
      } finally {
        server.closeAllConnections();
        server.close();
      }
      const exported = collected.map(({ body }) => body).join('');
      for (const text of ['lanterns', 'GET /search', 'update_projection']) assert.ok(exported.includes(text), text);
      for (const { path, type } of collected) {
        assert.deepEqual({ path, type }, { path: '/tenant/v1/traces', type: 'application/x-protobuf' });
      }
    });
  });
});
