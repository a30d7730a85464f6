import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modulesIn, recordingModules } from '../support/loaded-modules.ts';
import { startCollector } from '../support/otlp-collector.ts';
import { startService, untilReady, type Environment } from '../support/running-service.ts';

/** Of OpenTelemetry, beyond what Elasticsearch's client itself imports: its API, and a few functions that need nothing else. */
const SDK = /observability\/opentelemetry\.ts|@opentelemetry\/(?!(api|core|semantic-conventions)\/)/;

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
      DATA_DIR: join(folder, 'data'),
      ...recordingModules(record),
      ...env,
    });
    await untilReady(service);
    await service.get('/search?q=lantern');
    await service.stop();
    assert.equal(await service.ended, 0, service.log());
    return modulesIn(record);
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
      const collector = await startCollector();
      try {
        const modules = await modulesOf({
          OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/tenant/`,
          OTEL_SERVICE_NAME: 'lanterns',
        });
        assert.ok(modules.some((module) => SDK.test(module)));
      } finally {
        collector.close();
      }
      const exported = collector.requests.map(({ body }) => body).join('');
      for (const text of ['lanterns', 'GET /search', 'update_projection']) assert.ok(exported.includes(text), text);
      for (const { path, type } of collector.requests) {
        assert.deepEqual({ path, type }, { path: '/tenant/v1/traces', type: 'application/x-protobuf' });
      }
    });
  });
});
