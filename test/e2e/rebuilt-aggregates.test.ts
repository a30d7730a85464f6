import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@elastic/elasticsearch';
import { createEmbeddedBroker } from '../../src/broker/embedded/index.ts';
import type { RevenueDailyAnswer } from '../../src/client/index.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf } from '../../src/sample/cloud-event.ts';
import { aggregateEvents, EVENT_DAYS } from '../support/aggregate-events.ts';
import { publish } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { operatorOf } from '../support/rebuild-operator.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { testBackend } from '../support/test-backend.ts';

const ENVIRONMENT: Environment = { ROLLUP_INTERVAL_MS: '200', RATE_LIMIT_PER_MINUTE: '0' };
const EVENTS = aggregateEvents({ seed: 'rebuilt', events: 600 });
const REVENUE = `/revenue/daily?from=${EVENT_DAYS.from}&to=${EVENT_DAYS.to}`;
/** The first that is built because somebody asked for it, after one of each aggregate. */
const HELD = { ORDER_SEARCH_FAULT_POINT: 'rollup created#3:stall=3000' };
const HELD_AFTERWARDS_MS = 60_000;

/** Where the service keeps what it has, with {@link EVENTS} published. */
interface Place {
  readonly environment: Environment;
  /** Elasticsearch's part of it; absent where there is none. */
  readonly elasticsearch?: { readonly url: string };
  remove(): Promise<void>;
}

async function embedded(): Promise<Place> {
  const dataDir = mkdtempSync(join(tmpdir(), 'order-search-rebuilt-'));
  const broker = createEmbeddedBroker({ dataDir, prefix: 'orders', deliveryLimit: 50, log: createLogger('silent') });
  await broker.open();
  await broker.publish(EVENTS.map(outgoingOf));
  await broker.close();
  return {
    environment: { ...ENVIRONMENT, DATA_DIR: dataDir },
    remove: () => {
      rmSync(dataDir, { recursive: true });
      return Promise.resolve();
    },
  };
}

async function services(): Promise<Place> {
  const { environment, prefix, ...backend } = await testBackend();
  await publish({ environment, prefix, ...backend }, EVENTS);
  const elasticsearch = { url: environment['ELASTICSEARCH_URL'] ?? '' };
  return { environment: { ...ENVIRONMENT, ...environment }, elasticsearch, remove: () => backend.remove() };
}

for (const [name, make] of [
  ['embedded', embedded],
  ['RabbitMQ and Elasticsearch', services],
] as const) {
  describe(`aggregates that an operator has rebuilt (${name})`, function () {
    this.timeout(120_000);
    let place: Place;
    let service: RunningService;

    before(async () => {
      place = await make();
      service = await startService({ ...place.environment, ...HELD });
      await eventually(() => untilReady(service), 60_000);
    });
    after(async () => {
      await service.stop();
      await place.remove();
    });

    /** As of a moment after this. */
    async function revenue(path = REVENUE): Promise<RevenueDailyAnswer> {
      const since = Date.now();
      return await eventually(async () => {
        const { status, body } = await service.get<RevenueDailyAnswer>(path);
        assert.ok(status === 200 && Date.parse(body.asOf) >= since, JSON.stringify(body).slice(0, 300));
        return body;
      }, HELD_AFTERWARDS_MS);
    }
    const told = ({ days }: RevenueDailyAnswer) => days.map(({ final: _, ...day }) => day);
    async function generations(): Promise<string[]> {
      const { body } = await service.get<Health>('/health');
      return Object.values(body.parts.aggregates.details).map(({ generation }) => generation);
    }

    it('are paused, cancelled, resumed and finished, and say how far they are', async () => {
      const before = await revenue();
      const operator = operatorOf(service);
      const cancelled = await operator.start({ projection: 'seller-daily' });
      await operator.change(cancelled.id, 'pause');
      assert.deepEqual(
        [(await operator.get(cancelled.id)).paused, (await operator.get(cancelled.id)).state],
        [true, 'ROLLUPS'],
      );
      await operator.change(cancelled.id, 'cancel');
      assert.equal((await operator.over(cancelled.id)).state, 'CANCELLED');
      const { id } = await operator.start({ projection: 'seller-daily' });
      await operator.change(id, 'pause');
      await operator.change(id, 'resume');
      const { state, processed, total, generation } = await operator.over(id);
      assert.equal(state, 'DONE');
      assert.ok(processed > 20 && processed === total, `${processed} of ${total ?? '?'}`);
      assert.ok((await generations()).includes(generation), generation);
      assert.deepEqual(told(await revenue()), told(before));
    });

    it('are not rebuilt from a history', async () => {
      const detail = await operatorOf(service).refused('POST', '/admin/rebuilds', 400, {
        ...{ projection: 'seller-daily', source: 'history' },
      });
      assert.match(detail, /source|index|projection/i);
    });

    it('derive from the new generation of the orders before its rebuild is done', async () => {
      const before = await generations();
      const operator = operatorOf(service);
      const { id } = await operator.start();
      assert.equal((await operator.over(id)).state, 'DONE');
      // What the health says of them is up to half of a second old.
      await eventually(async () => {
        const since = await generations();
        assert.ok(since.length === 2 && since.every((one) => !before.includes(one)), since.join());
      });
    });

    // SQLite's tables are not to be deleted by anybody else.
    if (make === services)
      it('are built anew where their index was deleted, and have no zeros meanwhile', async () => {
        const { url: node = '' } = place.elasticsearch ?? {};
        const before = told(await revenue());
        const client = new Client({ node });
        const live = (await generations()).find((one) => one.includes('revenue-daily')) ?? '';
        await client.indices.delete({ index: live });
        await client.close();
        const answers: number[] = [];
        await eventually(async () => {
          const { status, body } = await service.get<RevenueDailyAnswer>(REVENUE);
          answers.push(status);
          assert.equal(status, 200);
          assert.deepEqual(told(body), before);
        }, HELD_AFTERWARDS_MS).catch((error: unknown) => {
          throw new Error(`answered ${answers.join()}`, { cause: error });
        });
        assert.ok(
          answers.filter((status) => status !== 200).every((status) => status === 503),
          answers.join(),
        );
        assert.equal(answers.filter((status) => status === 200).length, 1, 'the first that is answered is right');
      });

    it('drop days that are not kept, and say from which one on there are any', async () => {
      await service.stop();
      service = await startService({ ...place.environment, ROLLUP_RETENTION_DAYS: '10' });
      const { days, keptFrom } = await revenue();
      assert.deepEqual(days, []);
      assert.ok(keptFrom !== undefined && keptFrom > EVENT_DAYS.to, keptFrom);
    });
  });
}

interface Health {
  readonly parts: {
    readonly aggregates: { readonly details: Readonly<Record<string, { readonly generation: string }>> };
  };
}
