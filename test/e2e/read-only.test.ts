import assert from 'node:assert/strict';
import { generateEvents } from '../support/generate-events.ts';
import { assertExactly, drainAndStop, publish } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady } from '../support/running-service.ts';
import { testBackend } from '../support/test-backend.ts';

/** Node's permission model: whatever writes to the file system, or starts a process, throws. */
const MAY_ONLY_READ = '--permission --allow-fs-read=*';

describe('the service on a file system that it cannot write to', function () {
  this.timeout(60_000);

  it('does all that it does with RabbitMQ and Elasticsearch', async () => {
    const backend = await testBackend();
    const events = generateEvents({ seed: 'read-only', orders: 20 });
    const { NODE_V8_COVERAGE } = process.env;
    const service = await startService({
      ...backend.environment,
      NODE_OPTIONS: `${MAY_ONLY_READ}${NODE_V8_COVERAGE === undefined ? '' : ` --allow-fs-write=${NODE_V8_COVERAGE}`}`,
    });
    await untilReady(service);
    await publish(backend, events);
    for (const path of ['/', '/docs', '/openapi.json', '/metrics', '/search?q=lantern']) {
      assert.equal((await fetch(service.url + path)).status, 200, path);
    }
    const started = await fetch(`${service.url}/admin/rebuilds`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    });
    assert.equal(started.status, 202);
    await eventually(async () => {
      const { body } = await service.get<{ items: readonly { state: string }[] }>('/admin/rebuilds');
      assert.equal(body.items[0]?.state, 'DONE', JSON.stringify(body.items[0]));
    });
    await drainAndStop(backend, service);
    assert.doesNotMatch(service.log(), /ERR_ACCESS_DENIED/);
    await assertExactly(backend, events);
    await backend.remove();
  });

  it('would end if it wrote: the embedded default does', async () => {
    const service = await startService({ NODE_OPTIONS: MAY_ONLY_READ, DATA_DIR: 'nowhere' });
    assert.equal(await service.ended, 78);
    assert.match(service.log(), /^DATA_DIR="nowhere": cannot be written to \(Access to this API has been restricted/m);
  });
});
