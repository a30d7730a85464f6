import assert from 'node:assert/strict';
import type { Client } from '@elastic/elasticsearch';
import { createDeadLetters } from '../../../../src/order-index/elasticsearch/dead-letters.ts';
import type { DeadLetterOptions } from '../../../../src/order-index/elasticsearch/dead-letter-bodies.ts';

const BODY = 'x'.repeat(40_000);

/** An entry whose body lies in a chunk of its own, for a failure of this time. */
const entry = (chunkSet: number) => ({
  ...{ kind: 'entry', id: 'letter', reason: 'invalid', path: '', message: '', attempts: 1 },
  ...{ firstFailedAt: new Date(0).toISOString(), lastFailedAt: new Date(chunkSet).toISOString() },
  ...{ bodyBytes: BODY.length, chunkSet },
});
const chunkOf = (chunkSet: number) => `letter.${chunkSet}.0`;
const CHUNK = { kind: 'chunk', id: 'letter', body: Buffer.from(BODY).toString('base64') };
const SETTLED = { kind: 'settled', id: 'letter', reason: 'invalid', attempts: 1 };

describe('a dead letter in Elasticsearch whose body is stored beside it', () => {
  let documents: Map<string, { readonly source: object; readonly seqNo: number }>;
  let seqNo: number;
  /** Done before the given reading, from 0. */
  let meanwhile: Map<number, () => void>;
  beforeEach(() => {
    documents = new Map();
    meanwhile = new Map();
    seqNo = 0;
  });

  const store = (id: string, source: object): void => void documents.set(id, { source, seqNo: seqNo++ });
  /** Its chunks come first, and go last. */
  const fail = (chunkSet: number): void => {
    store(chunkOf(chunkSet), CHUNK);
    store('letter', entry(chunkSet));
  };
  const settle = (chunkSet: number): void => {
    store('letter', SETTLED);
    documents.delete(chunkOf(chunkSet));
  };

  async function get() {
    let readings = 0;
    const mget = ({ ids }: { readonly ids: readonly string[] }) => {
      meanwhile.get(readings++)?.();
      const docs = ids.map((id) => {
        const found = documents.get(id);
        return found
          ? { found: true, _source: found.source, _seq_no: found.seqNo, _primary_term: 1 }
          : { found: false };
      });
      return Promise.resolve({ docs });
    };
    const options: DeadLetterOptions = {
      client: { mget } as unknown as Client,
      store: { read: (_doing, request) => request(), write: () => Promise.reject(new Error('nothing is written')) },
      ...{ index: 'dead-letters', requestTimeoutMs: 1_000 },
    };
    const found = await createDeadLetters(options).getDeadLetter('letter');
    return found && { lastFailedAt: found.lastFailedAt, isWhole: Buffer.from(found.body).equals(Buffer.from(BODY)) };
  }

  describe('when it is settled between the look at it and at its body', () => {
    it('is found all the same where it has failed again by then', async () => {
      fail(1);
      meanwhile.set(1, () => {
        settle(1);
        fail(2);
      });
      assert.deepEqual(await get(), { lastFailedAt: new Date(2).toISOString(), isWhole: true });
    });

    it('is found however often that happens', async () => {
      fail(1);
      for (const time of [1, 2, 3]) {
        meanwhile.set(2 * time - 1, () => {
          settle(time);
          fail(time + 1);
        });
      }
      assert.deepEqual(await get(), { lastFailedAt: new Date(4).toISOString(), isWhole: true });
    });

    it('is there no more where it has not', async () => {
      fail(1);
      meanwhile.set(1, () => settle(1));
      assert.equal(await get(), undefined);
    });
  });

  describe('when its body is taken out before it, as of an order that is erased', () => {
    it('is there no more', async () => {
      fail(1);
      documents.delete(chunkOf(1));
      assert.equal(await get(), undefined);
    });
  });
});
