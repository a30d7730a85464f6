import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startService } from '../support/running-service.ts';

describe('a start of the service', function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-start-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('keeps what it has compiled for the next one', async () => {
    const environment = { DATA_DIR: join(folder, 'data'), TMPDIR: folder, NODE_DISABLE_COMPILE_CACHE: undefined };
    const service = await startService(environment);
    await service.stop();
    assert.equal(await service.ended, 0, service.log());
    const kept = readdirSync(join(folder, 'node-compile-cache'), { recursive: true });
    assert.ok(kept.length > 100, `${kept.length} files`);
  });
});
