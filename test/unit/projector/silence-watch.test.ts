import assert from 'node:assert/strict';
import { SilenceWatch } from '../../../src/projector/silence-watch.ts';

const START = Date.UTC(2026, 0, 1, 12);

describe('SilenceWatch', () => {
  let now: number;
  let watch: SilenceWatch;
  beforeEach(() => {
    now = START;
    watch = new SilenceWatch(10_000, () => now);
  });

  const access = (error?: Error) =>
    watch.accessing(() => (error === undefined ? Promise.resolve('answer') : Promise.reject(error)));
  const beatFor = async (seconds: number, everySeconds = 1) => {
    for (let passed = 0; passed < seconds; passed += everySeconds) {
      now += everySeconds * 1_000;
      await access();
    }
  };
  const silent = (saidLastAt = START - 1_000) =>
    watch
      .silentOthers({ asOf: 0, instances: { other: { settledTo: 0, at: saidLastAt, returnedAt: 0 } } }, 'own')
      .map(({ id }) => id);

  it('names nobody before the others had as long to say something as they may be silent', async () => {
    await access();
    assert.deepEqual(silent(), []);
    await beatFor(10);
    assert.deepEqual(silent(), []);
    await beatFor(1);
    assert.deepEqual(silent(), ['other']);
    assert.deepEqual(silent(now - 9_000), []);
  });

  it('hears of the record often enough from an instance that only serves', async () => {
    await beatFor(20, 5);
    assert.deepEqual(silent(), ['other']);
  });

  const breaks: Record<string, () => Promise<unknown>> = {
    'it could not be got at': () => assert.rejects(access(new Error('away')), /away/),
    'it did not answer for long': () => Promise.resolve((now += 23_000)),
  };
  for (const [name, breakIt] of Object.entries(breaks)) {
    it(`begins anew once the record is there again after ${name}`, async () => {
      await beatFor(30);
      assert.deepEqual(silent(), ['other']);
      await breakIt();
      assert.deepEqual(silent(), [], 'nothing is known meanwhile');
      await access();
      await beatFor(10);
      assert.deepEqual(silent(), []);
      await beatFor(1);
      assert.deepEqual(silent(), ['other']);
    });
  }

  it('passes on what came of the access', async () => {
    assert.equal(await access(), 'answer');
  });
});
