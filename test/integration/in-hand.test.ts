import assert from 'node:assert/strict';
import { messageOf, publishMessages } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startProjector, type InProcessProjector } from '../support/in-process-projector.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { scrape } from '../support/scraped-metrics.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';
import { eventAt } from '../support/protocol.ts';

const EVENTS = 5;

function placed(subject: string) {
  return messageOf(JSON.stringify({ specversion: '1.0', subject, ...eventAt(1) }));
}

describe('what the projectors have in hand', function () {
  this.timeout(60_000);
  const gate = Promise.withResolvers<void>();
  let backend: TestBackend;
  let projector: InProcessProjector;
  let api: RunningService;

  before(async () => {
    backend = await testBackend();
    projector = await startProjector(backend, { reached: () => gate.promise });
    api = await startService({ ...backend.environment, ROLE: 'api' });
    await untilReady(api);
  });
  after(async () => {
    gate.resolve();
    await Promise.all([projector.stop(), api.stop()]);
    await backend.remove();
  });

  const toldByAnother = async () => [
    (await scrape(api)).value('projection_lag_messages'),
    (await api.get<{ readonly messages: number }>('/admin/lag')).body.messages,
  ];

  it('is told by an instance that projects nothing, until it is settled', async () => {
    await eventually(async () => assert.deepEqual(await toldByAnother(), [0, 0]));
    await publishMessages(
      backend,
      Array.from({ length: EVENTS }, (_, at) => placed(`o-${at}`)),
    );
    await eventually(async () => assert.deepEqual(await toldByAnother(), [EVENTS, EVENTS]), 10_000);
    assert.equal((await backend.queues()).live, 0, 'none waits in the queue');
    gate.resolve();
    await eventually(async () => assert.deepEqual(await toldByAnother(), [0, 0]), 10_000);
  });
});
