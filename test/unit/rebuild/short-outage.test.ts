import assert from 'node:assert/strict';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { throughShortOutage } from '../../../src/rebuild/short-outage.ts';

describe('what is asked through a short outage', () => {
  const never = new AbortController().signal;

  it('is asked again until the index answers', async () => {
    let asked = 0;
    const answer = await throughShortOutage(() => {
      asked += 1;
      return asked < 3 ? Promise.reject(new IndexUnavailableError('429')) : Promise.resolve('here');
    }, never);
    assert.deepEqual([answer, asked], ['here', 3]);
  });

  it('is not asked again after a bug', async () => {
    let asked = 0;
    const bug = throughShortOutage(() => {
      asked += 1;
      return Promise.reject(new TypeError('x is not a function'));
    }, never);
    await assert.rejects(bug, TypeError);
    assert.equal(asked, 1);
  });

  it('is not waited for once it is to stop', async () => {
    const stopping = new AbortController();
    const asking = throughShortOutage(() => Promise.reject(new IndexUnavailableError('away')), stopping.signal);
    stopping.abort(new Error('stopped'));
    await assert.rejects(asking, /^Error: stopped$/);
  });
});
