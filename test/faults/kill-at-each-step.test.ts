import assert from 'node:assert/strict';
import type { ProtocolStep } from '../../src/projector/round.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { assertExactly, drainAndStop, messageOf, publish, publishMessages, shuffledEvents } from '../support/drain.ts';
import { startService, type Environment } from '../support/running-service.ts';
import { secondGeneration } from '../support/second-generation.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

/** Batches so small that orders are spread over many of them, and that the step is reached with others beside it. */
const SMALL_BATCHES: Environment = { BATCH_SIZE: '50', PREFETCH: '200', BATCH_DELAY_MS: '10' };

/** The second or third time that a step is reached: with something done before it, and something under way. */
const FAULT_POINTS: readonly { readonly step: ProtocolStep; readonly nth: number }[] = [
  { step: 'folded', nth: 3 },
  { step: 'written to a standby', nth: 3 },
  { step: 'written', nth: 3 },
  { step: 'parked', nth: 2 },
  { step: 'looked again', nth: 3 },
  { step: 'unparked', nth: 2 },
  { step: 'dead-lettered', nth: 2 },
  { step: 'before settling', nth: 3 },
];

const POISON = [
  '{"specversion": "1.0", "id": "cut o',
  '{"specversion":"1.0","id":"1","source":"/t","type":"order.tagged.v1","subject":"poison","time":"yesterday","sequence":1}',
].map(messageOf);
const POISON_LETTERS = ['invalid time poison 1', 'unparseable'];

describe('a projector that is killed at a step of its protocol', function () {
  this.timeout(180_000);
  let backend: TestBackend;
  /** Everything so far: what an earlier test has put there must stay as it was. */
  const published: CloudEvent[] = [];
  before(async () => {
    backend = await testBackend();
    await secondGeneration(backend);
  });
  after(() => backend.remove());

  for (const { step, nth } of FAULT_POINTS) {
    describe(`when that is '${step}', reached ${nth} times`, () => {
      it('leaves exactly the right documents to the one after it', async () => {
        const events = shuffledEvents({ seed: step, orders: 100, idPrefix: step.replaceAll(' ', '-') });
        await publish(backend, events.slice(0, 250));
        await publishMessages(backend, POISON);
        await publish(backend, events.slice(250));
        published.push(...events);
        const environment = { ...backend.environment, ...SMALL_BATCHES };
        const killed = await startService({ ...environment, ORDER_SEARCH_FAULT_POINT: `${step}#${nth}:kill` });
        assert.equal(await killed.ended, 'SIGKILL');
        await drainAndStop(backend, await startService(environment));
        await assertExactly(backend, published, POISON_LETTERS);
      });
    });
  }

  describe('when there is another write target all the time', () => {
    it('leaves the same documents there', async () => {
      const [live, standby] = await Promise.all([backend.documents(), backend.documents(`${backend.prefix}-000002`)]);
      const versions = (documents: typeof live) =>
        [...documents.values()].map(({ orderId, version }) => [orderId, version]);
      assert.deepEqual(versions(standby), versions(live));
    });
  });
});
