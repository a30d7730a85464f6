import assert from 'node:assert/strict';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { createRandom } from '../../src/sample/random.ts';
import { assertExactly, drainAndStop, publish } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryWatch, MIB } from '../support/memory-samples.ts';
import { taggedOrder } from '../support/poison.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const ORDERS = 40;
const EVENTS_AN_ORDER = 4;
const MAX_MESSAGE_BYTES = 3 * MIB;
/** The projector's cap on the bytes in hand; the message that reaches it is over it. */
const MAX_BYTES_IN_HAND = 64 * MIB + MAX_MESSAGE_BYTES;
/** On top of what an idle service has: the bytes in hand, what is on its way, and what waits for the garbage collector. */
const MAX_GROWTH_BYTES = 5 * 64 * MIB;
const AWAY_FOR_MS = 6_000;

interface Health {
  readonly parts: {
    readonly projector: {
      readonly state: string;
      readonly details: { readonly intake: { readonly state: string; readonly bytes: number } };
    };
  };
}

describe('messages of 1 to 3 MiB each, five times as many as may be in hand', function () {
  this.timeout(240_000);
  let backend: TestBackend;
  let proxy: TcpProxy;
  beforeEach(async () => {
    backend = await testBackend();
    const { hostname: host, port } = new URL(backend.environment['ELASTICSEARCH_URL'] ?? '');
    proxy = await startTcpProxy({ host, port: Number(port) });
  });
  afterEach(async () => {
    await proxy.close();
    await backend.remove();
  });

  describe('when Elasticsearch is away, and comes back', () => {
    it('holds no more than its cap meanwhile, takes no more memory, and then completes', async () => {
      const events = bigEvents();
      const total = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0);
      assert.ok(total > 4 * MAX_BYTES_IN_HAND);
      const service = await startService({
        ...backend.environment,
        ELASTICSEARCH_URL: `http://127.0.0.1:${proxy.port}`,
      });
      await untilReady(service);
      const memory = new MemoryWatch(service);
      const idle = await eventually(() => memory.latest() || assert.fail('no sample yet'));
      await proxy.refuse();
      await publish(backend, events);
      await staysUnderTheCap(service, AWAY_FOR_MS);
      await proxy.accept();
      await drainAndStop(backend, service);
      memory.stop();
      await assertExactly(backend, events);
      const grown = memory.most() - idle;
      assert.ok(grown < MAX_GROWTH_BYTES, `${(grown / MIB).toFixed(0)} MiB more than idle`);
    });
  });
});

/** Big by an attribute that the contract does not know: the messages are held, the documents stay small. */
function bigEvents(): CloudEvent[] {
  const random = createRandom('big messages');
  const orders = Array.from({ length: ORDERS }, (_, index) => taggedOrder(`B-${index}`, EVENTS_AN_ORDER - 1));
  return orders
    .flat()
    .map((event) => ({ ...event, padding: 'x'.repeat(random.integer(MIB, MAX_MESSAGE_BYTES - 1_000)) }));
}

async function staysUnderTheCap(service: RunningService, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  let most = 0;
  await eventually(async () => {
    const { projector } = (await service.get<Health>('/health')).body.parts;
    const { state, bytes } = projector.details.intake;
    most = Math.max(most, bytes);
    assert.ok(most <= MAX_BYTES_IN_HAND, `${most} bytes in hand`);
    assert.ok(performance.now() > until);
    assert.deepEqual([projector.state, state], ['degraded', 'full']);
  }, 2 * forMs);
  assert.ok(most > MAX_BYTES_IN_HAND / 2, `only ${most} bytes were in hand`);
}
