import assert from 'node:assert/strict';
import { createLogger } from '../../../src/observability/logging.ts';
import { createGenerations } from '../../../src/order-index/elasticsearch/generations.ts';
import type { IndexDefinition } from '../../../src/order-index/elasticsearch/mapping.ts';
import { indexUnderTest, type IndexUnderTest } from './index-under-test.ts';

const withPairsOf = (size: number): IndexDefinition => ({
  settings: {
    analysis: {
      analyzer: { pairs: { type: 'custom', tokenizer: 'standard', filter: ['pair'] } },
      filter: { pair: { type: 'shingle', min_shingle_size: size, max_shingle_size: size } },
    },
  },
  mappings: { dynamic: 'false', properties: { name: { type: 'text', analyzer: 'pairs' } } },
});
const PLAIN: IndexDefinition = { settings: {}, mappings: { dynamic: 'false', properties: {} } };

describe('the analysis of a generation in Elasticsearch', () => {
  let under: IndexUnderTest;
  beforeEach(() => {
    under = indexUnderTest();
  });
  afterEach(() => under.remove());

  const generationsBy = (definition: IndexDefinition) =>
    createGenerations({
      ...{ client: under.elasticsearch, names: under.names, code: { definition, foldVersion: 1 } },
      sizing: { shards: 1, replicas: 0, refreshInterval: '60s' },
      ...{ openTimeoutMs: 10_000, requestTimeoutMs: 10_000, log: createLogger('silent') },
    });

  describe('when it is what the code has', () => {
    it('is no drift, as Elasticsearch answers it', async () => {
      const generations = generationsBy(withPairsOf(2));
      await generations.open();
      assert.deepEqual(await generations.drift(), { mapping: 'current' });
    });
  });

  describe("when the code's is another one", () => {
    it('says that a rebuild is needed, which ends it', async () => {
      await generationsBy(withPairsOf(2)).open();
      const generations = generationsBy(withPairsOf(3));
      await generations.open();
      assert.deepEqual(await generations.drift(), {
        mapping: 'rebuild needed',
        reason: 'mapped otherwise: analysis.filter.pair',
      });
      await generations.create(2);
      const second = under.names.generation(2);
      await generations.renameEpoch(1, { register: [second], live: second });
      assert.deepEqual(await generations.drift(), { mapping: 'current' });
    });
  });

  describe('when a new field needs an analyzer that the live generation does not know', () => {
    it('is opened without that field, and says that a rebuild is needed', async () => {
      await generationsBy(PLAIN).open();
      const generations = generationsBy(withPairsOf(2));
      await generations.open();
      const { mapping, reason = '' } = await generations.drift();
      assert.equal(mapping, 'rebuild needed');
      assert.match(reason, /analysis\.analyzer\.pairs/);
    });
  });
});
