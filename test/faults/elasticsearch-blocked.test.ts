import assert from 'node:assert/strict';
import { Client } from '@elastic/elasticsearch';
import { assertExactly, drainAndStop, publish, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startProjector, untilWithdrawn, type InProcessProjector } from '../support/in-process-projector.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

/** `read_only_allow_delete` is what the disk watermark sets, `write` what an operator may have left. */
const BLOCKS = ['read_only_allow_delete', 'write'] as const;
type Block = (typeof BLOCKS)[number];

interface Health {
  readonly parts: Readonly<
    Record<'broker' | 'index' | 'projector', { readonly state: string; readonly reason?: string }>
  >;
}

describe('a live index that is blocked for writes', function () {
  this.timeout(60_000);
  let client: Client;
  let backend: TestBackend;
  beforeEach(async () => {
    backend = await testBackend();
    client = new Client({ node: backend.environment['ELASTICSEARCH_URL'] ?? '' });
  });
  afterEach(async () => {
    await backend.remove();
    await client.close();
  });

  const setFull = async (on: true | null): Promise<void> => {
    await client.indices.putSettings({
      index: `${backend.prefix}*`,
      settings: { 'index.blocks.read_only_allow_delete': on },
    });
  };

  const setBlock = async (block: Block, on: boolean): Promise<void> => {
    await client.indices.putSettings({
      index: `${backend.prefix}-000001`,
      settings: { [`index.blocks.${block}`]: on },
    });
  };

  for (const block of BLOCKS) {
    describe(`when blocks.${block} is set in the middle of a drain and taken off`, () => {
      it('says why it is held up meanwhile, dead-letters nothing, and then completes', async () => {
        const [before, after] = halves(shuffledEvents({ seed: block, orders: 300 }));
        const service = await startService(backend.environment);
        await publish(backend, before);
        await eventually(async () => assert.ok((await backend.documents()).size > 0));
        await setBlock(block, true);
        await publish(backend, after);
        await untilHeldUp(service, /block/);
        assert.deepEqual((await backend.queues()).deadLetters, 0);
        await setBlock(block, false);
        await drainAndStop(backend, service);
        await assertExactly(backend, [...before, ...after]);
      });
    });
  }

  describe('when every index is blocked, as on disks that are full, and the projector has given up writing', () => {
    it('answers every search, says how old the answers are, and is in service', async () => {
      const service = await startService(backend.environment);
      await publish(backend, shuffledEvents({ seed: 'full disks', orders: 20 }));
      await eventually(async () => assert.equal((await backend.documents()).size, 20));
      await setFull(true);
      await eventually(async () => {
        const { index } = (await service.get<Health>('/health')).body.parts;
        assert.match(
          index.reason ?? '',
          /writes are held back by their circuit breaker after: .*read-only-allow-delete/,
        );
        assert.equal(index.state, 'degraded');
      });
      // Beyond what the projector of this very instance is believed without a look at what is shared.
      const lag = await eventually(async () => {
        const { status, body } = await service.get<{ total: number; lagSeconds: number }>('/search');
        if (status !== 200) return { status, body };
        assert.ok(body.lagSeconds > 5);
        return { status, body };
      });
      assert.equal(lag.status, 200, JSON.stringify(lag.body));
      assert.equal((await service.get('/health/ready')).status, 200);
      await setFull(null);
      await drainAndStop(backend, service);
    });
  });

  describe('when every index is blocked before the service starts', () => {
    it('waits for the index, and says nothing against the broker', async () => {
      const first = await startService(backend.environment);
      await untilReady(first);
      await first.stop();
      await setFull(true);
      const service = await startService(backend.environment);
      await eventually(async () => {
        const { broker, projector } = (await service.get<Health>('/health')).body.parts;
        assert.equal(broker.state, 'up');
        assert.equal(projector.state, 'down');
        assert.match(projector.reason ?? '', /^waiting for the index: .*read-only-allow-delete/);
      });
      assert.match(service.log(), /"waiting for the index"/);
      assert.doesNotMatch(service.log(), /waiting for the broker/);
      await setFull(null);
      await untilReady(service);
      await service.stop();
    });
  });

  describe('when it was blocked before the projector started, for longer than messages are held', () => {
    it('gives them back once, not until the delivery limit is reached', async () => {
      const deliveryLimit = 3;
      const limited = { ...backend, environment: { ...backend.environment, DELIVERY_LIMIT: String(deliveryLimit) } };
      const events = shuffledEvents({ seed: 'blocked at start', orders: 50 });
      const opened = await startProjector(backend, { deliveryLimit });
      await opened.stop();
      await setBlock('read_only_allow_delete', true);
      await publish(limited, events);
      const running = await startProjector(backend, { deliveryLimit, projector: { withdrawAfterMs: 100 } });
      await untilWithdrawn(running);
      await stillWithdrawn(running, 4_000);
      await setBlock('read_only_allow_delete', false);
      await running.drainAndStop();
      await assertExactly(limited, events);
    });
  });
});

function halves<T>(all: readonly T[]): [T[], T[]] {
  const middle = Math.floor(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)];
}

async function untilHeldUp(service: RunningService, why: RegExp): Promise<void> {
  await eventually(async () => {
    const { projector } = (await service.get<Health>('/health')).body.parts;
    assert.equal(projector.state, 'degraded');
    assert.match(projector.reason ?? '', why);
  });
}

/** It takes nothing for as long. */
async function stillWithdrawn({ projector }: InProcessProjector, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  const taken = await eventually(() => {
    const inHand = projector.inHand();
    if (inHand === 0 && performance.now() < until) throw new Error('not yet');
    return inHand;
  }, 2 * forMs);
  assert.equal(taken, 0, 'it took messages though the index takes none');
}
