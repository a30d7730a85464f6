import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { createBreaker } from '../../../../src/order-index/elasticsearch/breaker.ts';
import type { Breaker, CallKind } from '../../../../src/order-index/elasticsearch/breaker.ts';
import { IndexUnavailableError } from '../../../../src/order-index/port.ts';
import { eventually } from '../../../support/eventually.ts';

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
  const lookOutage = () => Promise.reject(new IndexUnavailableError('no answer'));
  const fault = () => Promise.reject(new TypeError('a bug'));
  const fail = async (times: number, request = outage) => {
    for (let n = 0; n < times; n++) await assert.rejects(breaker.run(request));
  };
  const notTried = (error: unknown) => {
    assert.ok(error instanceof IndexUnavailableError);
    assert.match(error.message, /not tried: .* test is open after no connection/);
    return true;
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
      await assert.rejects(breaker.run(attempt), notTried);
      assert.equal(tried, false);
      assert.deepEqual(states, ['test closed', 'test open']);
      assert.equal(breaker.lastOutage(), 'no connection');
    });

    it('refuses looks only where looks have failed', async () => {
      await fail(3);
      assert.equal(await breaker.look(() => Promise.resolve(8)), 8);
      assert.equal(breaker.refusesLooks(), false);
      await assert.rejects(breaker.look(fault), TypeError);
      assert.equal(breaker.refusesLooks(), false, 'no outage');
      await assert.rejects(breaker.look(lookOutage), /no answer/);
      assert.equal(breaker.refusesLooks(), true);
      let tried = false;
      const attempt = () => Promise.resolve((tried = true));
      await assert.rejects(breaker.look(attempt), /not tried: .* test is open after no answer/);
      assert.equal(tried, false);
    });

    it('does not hold a failed look against later ones once one has got through', async () => {
      await assert.rejects(breaker.look(outage));
      await breaker.look(() => Promise.resolve());
      await fail(3);
      assert.equal(breaker.refusesLooks(), false);
      assert.equal(await breaker.look(() => Promise.resolve(9)), 9);
    });

    it('counts those of looks too', async () => {
      for (let n = 0; n < 3; n++) await assert.rejects(breaker.look(outage), /no connection/);
      assert.equal(breaker.state(), 'open');
      await assert.rejects(
        breaker.look(() => Promise.resolve()),
        notTried,
      );
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

    it('is closed by a look where only looks have failed', async () => {
      for (let n = 0; n < 3; n++) await assert.rejects(breaker.look(outage));
      await halfOpen();
      assert.equal(await breaker.look(() => Promise.resolve(7)), 7);
      assert.equal(breaker.state(), 'closed');
      await fail(2);
      assert.equal(breaker.state(), 'closed', 'it counts anew');
    });

    it('is not closed by a look where a run has failed', async () => {
      await assert.rejects(breaker.look(outage));
      await fail(2);
      await halfOpen();
      await breaker.look(() => Promise.resolve());
      assert.equal(breaker.state(), 'halfOpen');
      await fail(1);
      assert.equal(breaker.state(), 'open');
      assert.equal(await breaker.look(() => Promise.resolve(10)), 10, 'one has got through');
      await halfOpen();
      await breaker.run(() => Promise.resolve());
      assert.equal(breaker.state(), 'closed');
    });

    it('is not closed by a look that is refused either, where a run has failed', async () => {
      await fail(3);
      await halfOpen();
      await assert.rejects(breaker.look(fault), TypeError);
      assert.equal(breaker.state(), 'halfOpen');
    });

    it('opens again when that fails, by a look too', async () => {
      await fail(3);
      await halfOpen();
      await assert.rejects(breaker.look(outage));
      assert.equal(breaker.state(), 'open');
    });
  });

  describe('when nobody asks for anything once it is half-open', () => {
    let probed: CallKind[];
    let probe: () => Promise<unknown>;
    let own: Breaker;
    /** It is half-open: whoever waits for this is before the probe. */
    let turn: PromiseWithResolvers<void>;
    const probing = () =>
      createBreaker({
        name: 'test',
        isOutage: (error) => error instanceof IndexUnavailableError,
        onState: (_, state) => {
          states.push(state);
          if (state === 'halfOpen') turn.resolve();
        },
        resetTimeoutMs: RESET_MS,
        probe: (failed) => {
          probed.push(failed);
          return probe();
        },
      });
    beforeEach(() => {
      probed = [];
      states = [];
      turn = Promise.withResolvers();
      own = probing();
      probe = () => own.run(() => Promise.resolve());
    });
    afterEach(() => own.close());

    const failing = async (...ways: CallKind[]) => {
      for (const way of ways) await assert.rejects(own[way](outage));
    };
    /** For as long as it takes from the first outage to the probe. */
    const untilAnotherIsProbed = async () => {
      const other = probing();
      for (let n = 0; n < 3; n++) await assert.rejects(other.look(outage));
      probe = () => other.look(() => Promise.resolve());
      await eventually(() => assert.equal(other.state(), 'closed'));
      other.close();
    };
    const untilClosed = () => eventually(() => assert.equal(own.state(), 'closed'));

    it('is probed until that gets through, and closed by it', async () => {
      let outages = 2;
      probe = () => own.look(() => (outages-- > 0 ? outage() : Promise.resolve()));
      await failing('look', 'look', 'look');
      await untilClosed();
      assert.deepEqual(probed, ['look', 'look', 'look']);
      assert.deepEqual(states, ['closed', ...Array.from({ length: 3 }, () => ['open', 'halfOpen']).flat(), 'closed']);
      assert.equal(own.lastOutage(), 'no connection');
    });

    for (const [failed, before, ways] of [
      ['look', [], ['look', 'look', 'look']],
      ['run', [], ['look', 'run', 'look']],
      ['look', ['run'], ['look', 'look', 'look']],
    ] as const) {
      const since = before.length > 0 ? `, after one of ${before.join()} and a success` : '';
      it(`is told that a ${failed} has failed: outages of ${ways.join()}${since}`, async () => {
        await failing(...before);
        await own.run(() => Promise.resolve());
        await failing(...ways);
        await untilClosed();
        assert.deepEqual(probed, [failed]);
      });
    }

    it('leaves the first turn to whoever asks', async () => {
      await failing('run', 'run', 'run');
      await turn.promise;
      await own.run(() => Promise.resolve());
      assert.deepEqual([own.state(), probed], ['closed', []]);
      await untilAnotherIsProbed();
      assert.equal(probed.length, 1, 'the other one');
    });

    it('is left alone while it is open again', async () => {
      const seen: string[] = [];
      probe = () => {
        seen.push(own.state());
        return own.run(() => Promise.resolve());
      };
      await failing('run', 'run', 'run');
      await turn.promise;
      await failing('run');
      await untilClosed();
      assert.deepEqual(seen, ['halfOpen']);
    });

    it('is left alone once it is shut down', async () => {
      await failing('look', 'look', 'look');
      await turn.promise;
      own.close();
      await untilAnotherIsProbed();
      assert.equal(probed.length, 1, 'the other one');
    });
  });
});
