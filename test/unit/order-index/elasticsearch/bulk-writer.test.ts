import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { errors, type Client } from '@elastic/elasticsearch';
import { createBreaker } from '../../../../src/order-index/elasticsearch/breaker.ts';
import type { Breaker } from '../../../../src/order-index/elasticsearch/breaker.ts';
import { remove } from '../../../../src/order-index/elasticsearch/bulk-request.ts';
import { createBulkWriter } from '../../../../src/order-index/elasticsearch/bulk-writer.ts';
import type { BulkWriter } from '../../../../src/order-index/elasticsearch/bulk-writer.ts';
import { createClient } from '../../../../src/order-index/elasticsearch/client.ts';
import { IndexUnavailableError } from '../../../../src/order-index/port.ts';

interface Item {
  readonly status: number;
  readonly error?: { readonly type: string; readonly reason: string };
}

const DONE: Item = { status: 200 };
const REJECTED = failed(429, 'es_rejected_execution_exception');
const MEMORY = failed(429, 'circuit_breaking_exception');
const WATERMARK = failed(429, 'cluster_block_exception');
const NO_PRIMARY = failed(503, 'unavailable_shards_exception');

function failed(status: number, type: string): Item {
  return { status, error: { type, reason: 'because' } };
}

const [ONE, TWO] = ['a', 'b'].map((id) => remove('orders-000001-w1', id)) as [
  ReturnType<typeof remove>,
  ReturnType<typeof remove>,
];

describe('the bulk writer', () => {
  let answer: () => Promise<unknown>;
  let breaker: Breaker;
  let writer: BulkWriter;
  beforeEach(() => {
    breaker = createBreaker({
      name: 'test',
      isOutage: (error) => error instanceof IndexUnavailableError,
      onState: () => undefined,
      resetTimeoutMs: 60_000,
    });
    const client = { transport: { request: () => answer() } } as unknown as Client;
    writer = createBulkWriter({ client, breaker, concurrency: 1, requestTimeoutMs: 1_000, maxRequestBytes: 1_000_000 });
  });
  afterEach(() => breaker.close());

  const answers = (...items: Item[]) => {
    answer = () => Promise.resolve({ items: items.map((item) => ({ delete: item })) });
  };
  const fails = (error: Error) => {
    answer = () => Promise.reject(error);
  };
  const refusal = (statusCode: number, type: string) =>
    new errors.ResponseError({ statusCode, body: { error: { type } }, headers: {}, warnings: null, meta: {} as never });
  const write = async (times: number, ...operations: (typeof ONE)[]) => {
    for (let n = 0; n < times; n++) await writer.write(operations, 'live');
  };

  describe('when single items are turned away for a strain', () => {
    for (const [name, item] of [
      ['a full queue', REJECTED],
      ['too little memory', MEMORY],
    ] as const) {
      it(`keeps the breaker closed though none gets through: ${name}`, async () => {
        answers(item);
        await write(20, ONE);
        assert.equal(breaker.state(), 'closed');
        assert.deepEqual(await writer.write([ONE], 'live'), [
          { kind: 'unavailable', reason: `${item.error?.type}: because`, strained: true },
        ]);
      });
    }

    it('takes the answer for a sign of life', async () => {
      fails(new errors.ConnectionError('reset'));
      await write(2, ONE);
      answers(REJECTED);
      await write(1, ONE);
      fails(new errors.ConnectionError('reset'));
      await write(2, ONE);
      assert.equal(breaker.state(), 'closed');
    });
  });

  describe('when nothing gets through for another reason', () => {
    const outages: readonly (readonly [string, () => void])[] = [
      ['refused connections', () => fails(new errors.ConnectionError('ECONNREFUSED'))],
      ['timeouts', () => fails(new errors.TimeoutError('slow'))],
      ['429 to whole requests', () => fails(refusal(429, 'es_rejected_execution_exception'))],
      ['503 to whole requests', () => fails(refusal(503, 'no_master'))],
      ['wrong credentials', () => fails(refusal(401, 'security_exception'))],
      ['the disk watermark, item by item', () => answers(WATERMARK, WATERMARK)],
      ['lost primaries, item by item', () => answers(NO_PRIMARY, NO_PRIMARY)],
    ];
    for (const [name, happens] of outages) {
      it(`opens the breaker after three in a row: ${name}`, async () => {
        happens();
        await write(2, ONE, TWO);
        assert.equal(breaker.state(), 'closed');
        await write(1, ONE, TWO);
        assert.equal(breaker.state(), 'open');
      });
    }
  });

  describe('when some items get through', () => {
    it('keeps the breaker closed, and tells them apart', async () => {
      answers(DONE, NO_PRIMARY);
      await write(20, ONE, TWO);
      assert.equal(breaker.state(), 'closed');
      const outcomes = await writer.write([ONE, TWO], 'live');
      assert.deepEqual(
        outcomes.map(({ kind }) => kind),
        ['done', 'unavailable'],
      );
    });
  });

  describe('when a request cannot be sent', () => {
    it('makes an error of it that holds its bytes as they are, and no secret', async () => {
      const client = createClient({
        nodes: ['http://127.0.0.1:1'],
        auth: { username: 'elastic', password: 'open sesame' },
        requestTimeoutMs: 1_000,
      });
      const told: unknown[] = [];
      client.diagnostic.on('response', (error) => told.push(error));
      const real = createBulkWriter({
        ...{ client, breaker, concurrency: 1, requestTimeoutMs: 1_000, maxRequestBytes: 1_000_000 },
      });
      const [outcome] = await real.write([ONE, TWO], 'live');
      await client.close();
      assert.equal(outcome?.kind, 'unavailable');
      const [error] = told;
      assert.ok(error instanceof errors.ConnectionError);
      const body = error.meta?.meta.request.params.body;
      assert.ok(Buffer.isBuffer(body));
      assert.equal(body.toString(), ONE.ndjson + TWO.ndjson);
      const secret = Buffer.from('elastic:open sesame').toString('base64');
      assert.doesNotMatch(inspect(told, { depth: 20 }), new RegExp(`sesame|${secret}`));
    });
  });
});
