import assert from 'node:assert/strict';
import { outgoingOf } from '../../src/sample/cloud-event.ts';
import { generateEvents } from '../support/generate-events.ts';
import {
  assertDrained,
  assertExactly,
  drainAndStop,
  publish,
  publishMessages,
  shuffledEvents,
} from '../support/drain.ts';
import { steadily } from '../support/eventually.ts';
import { REJECTED, startHttpProxy, type HttpProxy } from '../support/http-proxy.ts';
import { startService, type Environment, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const PREFETCH = 32;
/** After two crashes each one more leaves about half of those that were in hand: of 32 one gets so far in 1 of 2,000 runs. */
const DELIVERY_LIMIT = 18;

describe('a message that kills the process whenever its order is written', function () {
  this.timeout(240_000);
  let backend: TestBackend;
  let proxy: HttpProxy;
  before(async () => {
    backend = await testBackend();
    proxy = await startHttpProxy(backend.environment['ELASTICSEARCH_URL'] ?? '');
  });
  after(async () => {
    await proxy.close();
    await backend.remove();
  });

  /** Starts it, and lets it die of the killer; undefined where it has, else the service, which has drained the queue. */
  async function survivor(killer: string, environment: Environment): Promise<RunningService | undefined> {
    const service = await startService(environment, { isToBeKilled: true });
    let isDead = false;
    const ended = service.ended.then(() => (isDead = true));
    proxy.fail({
      refuseItem: ({ ndjson }) => {
        if (!ndjson.includes(`"_id":"${killer}"`)) return undefined;
        process.kill(service.pid, 'SIGKILL');
        return REJECTED;
      },
    });
    await steadily(() => (isDead ? Promise.resolve() : assertDrained(backend, service)), 60_000);
    if (!isDead) return service;
    await ended;
    return undefined;
  }

  it('is alone with its fate in the end: the others in hand with it are applied, and none is given up', async () => {
    const environment = {
      ...backend.environment,
      ELASTICSEARCH_URL: proxy.url,
      PREFETCH: String(PREFETCH),
      DELIVERY_LIMIT: String(DELIVERY_LIMIT),
    };
    const declared = { ...backend, environment };
    const innocents = shuffledEvents({ seed: 'killer', orders: 40 });
    const [killer] = generateEvents({ seed: 'killer', orders: 1, idPrefix: 'killer-' });
    assert.ok(killer);
    const half = innocents.length / 2;
    await publish(declared, innocents.slice(0, half));
    await publishMessages(declared, [outgoingOf(killer)]);
    await publish(declared, innocents.slice(half));

    let deaths = 0;
    let service = await survivor(killer.subject, environment);
    while (!service) {
      deaths += 1;
      assert.ok(deaths <= DELIVERY_LIMIT + 1, 'the killer comes back for ever');
      service = await survivor(killer.subject, environment);
    }
    assert.ok(deaths > DELIVERY_LIMIT / 2, `it died ${deaths} times only: the killer did not kill`);
    await drainAndStop(declared, service);
    await assertExactly(declared, innocents, [`delivery_limit ${killer.subject} ${killer.sequence}`]);
  });
});
