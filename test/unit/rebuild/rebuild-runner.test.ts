import assert from 'node:assert/strict';
import type { Logger } from '../../../src/observability/logging.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { RebuildRunner, type RunnerOptions } from '../../../src/rebuild/rebuild-runner.ts';
import { eventually } from '../../support/eventually.ts';

describe('the runner of rebuilds, while none is under way', () => {
  let looks: number;
  let attempts: number;
  let logged: [unknown, string][];
  let runner: RebuildRunner | undefined;
  beforeEach(() => {
    [looks, attempts] = [0, 0];
    logged = [];
  });
  afterEach(() => runner?.stop());

  function started(housekeeping: () => Promise<void>): RebuildRunner {
    const parts = {
      records: {
        active: () => {
          looks += 1;
          return Promise.resolve(undefined);
        },
      },
      lease: { hold: () => Promise.resolve(true), release: () => Promise.resolve() },
      log: { warn: (fields: unknown, line: string) => void logged.push([fields, line]) } as unknown as Logger,
      housekeeping: () => {
        attempts += 1;
        return housekeeping();
      },
    };
    runner = new RebuildRunner(parts as unknown as RunnerOptions);
    runner.start();
    return runner;
  }

  it('leaves housekeeping that has failed for a minute, and says so', async () => {
    const running = started(() => Promise.reject(new IndexUnavailableError('not now')));
    await eventually(() => {
      running.wake();
      assert.ok(looks > 2);
    });
    assert.equal(attempts, 1);
    assert.deepEqual(logged, [[{ reason: 'not now' }, 'the housekeeping has failed: it is tried again in a minute']]);
  });
});
