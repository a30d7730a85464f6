import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { createBreaker } from '../../../../src/order-index/elasticsearch/breaker.ts';
import type { Breaker } from '../../../../src/order-index/elasticsearch/breaker.ts';
import { IndexUnavailableError } from '../../../../src/order-index/port.ts';

const RESET_MS = 30;

describe('the circuit breaker', () => {
  let states: string[];
  let breaker: Breaker;
  beforeEach(() => {
    states = [];
    breaker = createBreaker({
      name: 'test',
      isOutage: (error) => error instanceof IndexUnavailableError,
      onState: (name, state) => states.push(`${name} ${state}`),
      resetTimeoutMs: RESET_MS,
    });
  });
  afterEach(() => breaker.close());

  const outage = () => Promise.reject(new IndexUnavailableError('no connection'));
  const fault = () => Promise.reject(new TypeError('a bug'));
  const fail = async (times: number, request = outage) => {
    for (let n = 0; n < times; n++) await assert.rejects(breaker.run(request));
  };
  const halfOpen = async () => {
    while (breaker.state() === 'open') await pause(RESET_MS / 3);
  };

  describe('when requests succeed', () => {
    it('answers what they answer, and stays closed', async () => {
      assert.equal(await breaker.run(() => Promise.resolve(5)), 5);
      assert.equal(await breaker.look(() => Promise.resolve(6)), 6);
      assert.deepEqual(states, ['test closed']);
    });
  });

  describe('when outages follow one another', () => {
    it('opens, and refuses at once, saying why', async () => {
      await fail(3);
      let tried = false;
      const attempt = () => {
        tried = true;
        return Promise.resolve();
      };
      for (const way of ['run', 'look'] as const) {
        await assert.rejects(breaker[way](attempt), (error) => {
          assert.ok(error instanceof IndexUnavailableError);
          assert.match(error.message, /not tried: .* test is open after no connection/);
          return true;
        });
      }
      assert.equal(tried, false);
      assert.deepEqual(states, ['test closed', 'test open']);
      assert.equal(breaker.lastOutage(), 'no connection');
    });

    it('counts those of looks too', async () => {
      for (let n = 0; n < 3; n++) await assert.rejects(breaker.look(outage), /no connection/);
      assert.equal(breaker.state(), 'open');
    });

    it('is not kept closed by looks that succeed', async () => {
      for (let n = 0; n < 3; n++) {
        await fail(1);
        if (n < 2) await breaker.look(() => Promise.resolve());
      }
      assert.equal(breaker.state(), 'open');
    });

    it('starts counting again after a success', async () => {
      await fail(2);
      await breaker.run(() => Promise.resolve());
      await fail(2);
      assert.equal(breaker.state(), 'closed');
    });
  });

  describe('when what fails is no outage', () => {
    it('hands the error on and stays closed', async () => {
      await fail(20, fault);
      await assert.rejects(breaker.look(fault), TypeError);
      assert.equal(breaker.state(), 'closed');
    });
  });

  describe('when it has been open for a while', () => {
    it('lets one request through and closes when that succeeds', async () => {
      await fail(3);
      await halfOpen();
      assert.equal(breaker.state(), 'halfOpen');
      let release: (value: string) => void = () => undefined;
      const probe = breaker.run(() => new Promise<string>((resolve) => (release = resolve)));
      await assert.rejects(
        breaker.run(() => Promise.resolve('second')),
        IndexUnavailableError,
      );
      release('first');
      assert.equal(await probe, 'first');
      assert.deepEqual(
        states,
        ['closed', 'open', 'halfOpen', 'closed'].map((state) => `test ${state}`),
      );
    });

    it('opens again when that fails, by a look too', async () => {
      await fail(3);
      await halfOpen();
      await assert.rejects(breaker.look(outage));
      assert.equal(breaker.state(), 'open');
    });
  });
});
