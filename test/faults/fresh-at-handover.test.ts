import assert from 'node:assert/strict';
import { publish } from '../support/drain.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';
import { generateEvents } from '../support/generate-events.ts';

/** How long the first projector holds what it has taken. */
const STALL_MS = 6_000;

interface OrderAnswer {
  readonly order?: { readonly version: number };
}

interface SearchAnswer {
  readonly asOf: string;
}

describe('asOf, where one projector holds an event that another one does not know of', function () {
  this.timeout(90_000);
  let backend: TestBackend;
  let services: RunningService[] = [];

  beforeEach(async () => {
    backend = await testBackend();
  });

  afterEach(async () => {
    await Promise.all(services.map((service) => service.kill()));
    services = [];
    await backend.remove();
  });

  async function start(environment: Environment): Promise<RunningService> {
    const service = await startService({ ...backend.environment, ...environment });
    services.push(service);
    await untilReady(service);
    return service;
  }

  /** Asks again and again until the order is there; an answer without it must not claim to be from after its publishing. */
  async function assertNoFalsePromise(asked: RunningService, orderId: string, publishedAt: number): Promise<void> {
    const deadline = Date.now() + STALL_MS + 20_000;
    for (;;) {
      const { body: search } = await asked.get<SearchAnswer>('/search?size=1');
      const { body } = await asked.get<OrderAnswer>(`/orders/${orderId}`);
      if (body.order) return;
      assert.ok(Date.parse(search.asOf) <= publishedAt, `as of ${search.asOf} the order is not there`);
      assert.ok(Date.now() < deadline, 'the order does not come');
    }
  }

  for (const [name, shared] of [
    ['stops, and another one takes over', {}],
    ['shares the queue with another one', { SINGLE_ACTIVE_CONSUMER: 'false' }],
  ] as const) {
    it(`promises nothing that is not there, when the one that holds it ${name}`, async () => {
      const fault = { ORDER_SEARCH_FAULT_POINT: `folded#1:stall=${STALL_MS}` };
      const first = await start({ ...shared, ...fault });
      const second = await start({ ...shared, ...fault });
      const events = generateEvents({ seed: 'handover', orders: 2, eventsPerOrder: { min: 1, max: 1 } });
      await publish({ ...backend, environment: { ...backend.environment, ...shared } }, events);
      const publishedAt = Date.now();
      if (!('SINGLE_ACTIVE_CONSUMER' in shared)) void first.stop();
      for (const { subject } of events) await assertNoFalsePromise(second, subject, publishedAt);
    });
  }
});
