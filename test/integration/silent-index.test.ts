import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { startService, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

describe('an Elasticsearch that takes connections and never answers', function () {
  this.timeout(60_000);
  let backend: TestBackend;
  let silent: Server;
  let service: RunningService;
  const sockets = new Set<Socket>();

  before(async () => {
    silent = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    backend = await testBackend();
    const { port } = silent.address() as AddressInfo;
    service = await startService({ ...backend.environment, ELASTICSEARCH_URL: `http://127.0.0.1:${port}` });
  });

  after(async () => {
    await service.kill();
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('is reported by /health in time, with the reason', async () => {
    const askedAt = performance.now();
    const { status, body } = await service.get<{ parts: { index: { state: string; reason: string } } }>('/health');
    assert.ok(performance.now() - askedAt < 10_000);
    assert.equal(status, 503);
    assert.equal(body.parts.index.state, 'down');
    assert.match(body.parts.index.reason, /not answered/);
  });

  it('does not keep /metrics from answering before a scrape is given up', async () => {
    const askedAt = performance.now();
    const response = await fetch(`${service.url}/metrics`);
    const text = await response.text();
    assert.match(text, /^circuit_breaker_state\{name="[a-z-]+"\} [01]/m);
    assert.ok(performance.now() - askedAt < 10_000);
    assert.match(text, /^projection_rollup_leader 0$/m);
  });

  it('does not keep the service from stopping within its limit', async () => {
    const stoppedAt = performance.now();
    await service.stop();
    // Ten seconds are the limit itself.
    assert.ok(performance.now() - stoppedAt < 30_000);
    assert.equal(await service.ended, 0);
  });
});
