import assert from 'node:assert/strict';
import type { estypes } from '@elastic/elasticsearch';
import { analysisOf } from '../../../../src/order-index/elasticsearch/analysis.ts';
import { driftOf, hashMapping, type IndexDefinition } from '../../../../src/order-index/elasticsearch/mapping.ts';

const properties = { name: { type: 'text', analyzer: 'pairs' } } as const;
const definition = (settings: estypes.IndicesIndexSettings): IndexDefinition => ({
  settings,
  mappings: { dynamic: 'false', properties },
});
const pairsOf = (size: number): estypes.IndicesIndexSettings => ({
  analysis: {
    analyzer: { pairs: { type: 'custom', tokenizer: 'standard', filter: ['pair'] } },
    filter: { pair: { type: 'shingle', min_shingle_size: size, max_shingle_size: size } },
  },
});

describe("an index's analysis", () => {
  describe('when it is another one', () => {
    it('makes another mapping', () => {
      assert.notEqual(hashMapping(definition(pairsOf(2))), hashMapping(definition(pairsOf(3))));
      assert.notEqual(hashMapping(definition(pairsOf(2))), hashMapping(definition({})));
    });

    it('is drift that takes a rebuild, and names what differs', () => {
      const code = { definition: definition(pairsOf(2)), foldVersion: 1 };
      const driftFrom = (settings: estypes.IndicesIndexSettings) => {
        const meta = { mappingHash: hashMapping(definition(settings)), foldVersion: 1 };
        return driftOf(code, { properties, analysis: analysisOf(settings), meta });
      };
      assert.deepEqual(driftFrom(pairsOf(2)), { mapping: 'current' });
      const reason = 'mapped otherwise: analysis.filter.pair';
      assert.deepEqual(driftFrom(pairsOf(3)), { mapping: 'rebuild needed', reason });
      assert.equal(driftFrom({}).reason, 'mapped otherwise: analysis.analyzer.pairs, analysis.filter.pair');
    });
  });

  describe('when it is written otherwise', () => {
    it('is the same', () => {
      const { analysis = {} } = pairsOf(2);
      const same = [{ analysis }, { index: { analysis } }];
      for (const settings of same)
        assert.equal(hashMapping(definition(settings)), hashMapping(definition({ analysis })));
    });
  });

  describe('when there is none', () => {
    it('leaves the name that the mapping had', () => {
      assert.equal(hashMapping(definition({})), hashMapping(definition({ refresh_interval: '5s' })));
    });
  });
});
