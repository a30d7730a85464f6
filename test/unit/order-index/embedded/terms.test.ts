import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createLogger } from '../../../../src/observability/logging.ts';
import { createEmbeddedIndex } from '../../../../src/order-index/embedded/index.ts';
import { sampleWrite } from '../../../integration/elasticsearch/sample-orders.ts';

describe('the terms of the embedded index', () => {
  describe('when the file was made by code that had none', () => {
    it('makes them of the documents as it opens', async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'order-search-terms-'));
      const index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: 1, log: createLogger('silent') });
      try {
        await index.open();
        const erased = { type: 'order.erased.v1', data: {} } as const;
        const writes = [
          { orderId: 'A', tags: ['gift'] },
          { orderId: 'B', then: [erased] },
        ].map(sampleWrite);
        await index.write((await index.registry()).live, writes, 'live');
        await index.close();
        const file = new DatabaseSync(join(dataDir, 'orders-index.db'));
        file.exec('DROP TABLE terms_000001');
        file.close();
        await index.open();
        for (const filter of [{ tag: ['gift'] }, { sku: ['SKU0'] }, { currency: ['EUR'] }]) {
          assert.equal((await index.search({ sort: 'placedAt', size: 1, ...filter })).total, 1);
        }
      } finally {
        await index.close();
        rmSync(dataDir, { recursive: true });
      }
    });
  });
});
