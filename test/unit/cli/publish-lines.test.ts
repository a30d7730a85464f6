import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { BrokerPermissionError, BrokerUnavailableError, UnroutableError } from '../../../src/broker/port.ts';
import type { EventLine } from '../../../src/cli/event-lines.ts';
import { publishLines } from '../../../src/cli/publish-lines.ts';
import type { PublishCounts, PublishDependencies, PublishOptions } from '../../../src/cli/publish-lines.ts';

const OPTIONS: PublishOptions = { skipInvalid: false, giveUpAfterMs: 10_000, maxInFlight: 10, maxInFlightBytes: 1_000 };

async function* lines(count: number, bytes = 1): AsyncGenerator<EventLine> {
  for (let number = 1; number <= count; number += 1) {
    const event = { id: String(number), type: 't', orderId: 'o', time: '', body: new Uint8Array(bytes) };
    yield { kind: 'event', number, event };
  }
}

/** One, and then one that never comes. */
async function* endlessly(): AsyncGenerator<EventLine> {
  yield* lines(1);
  await new Promise(() => undefined);
}

/** A broker that confirms a little later, unless it is told otherwise. */
function brokerThat(decide: (id: string, call: number) => Promise<void>) {
  const ids: string[] = [];
  let inFlight = 0;
  const seen = { ids, mostInFlight: 0 };
  const publish: PublishDependencies['publish'] = async ({ id }) => {
    ids.push(id);
    inFlight += 1;
    seen.mostInFlight = Math.max(seen.mostInFlight, inFlight);
    try {
      await decide(id, ids.length);
    } finally {
      inFlight -= 1;
    }
  };
  return { seen, publish };
}

async function soon(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  return promise;
}

describe('publishLines', () => {
  let counts: PublishCounts;

  beforeEach(() => {
    counts = { published: 0, skipped: 0, unconfirmed: 0 };
  });

  function dependencies(changes: Partial<PublishDependencies>): PublishDependencies {
    return {
      publish: soon,
      backOffMs: () => 0,
      onSkipped: () => undefined,
      onTrouble: () => undefined,
      onRecovered: () => undefined,
      signal: new AbortController().signal,
      ...changes,
    };
  }

  describe('when the broker lets nobody publish', () => {
    it('ends at once, whatever else has not been confirmed', async () => {
      const denial = new BrokerPermissionError('403');
      const { seen, publish } = brokerThat(async (_id, call) => {
        await soon();
        throw call === 2 ? denial : new BrokerUnavailableError('the channel was closed');
      });
      const ended = publishLines(
        lines(5),
        counts,
        OPTIONS,
        dependencies({ publish, onTrouble: () => assert.fail('it is tried again') }),
      );
      await assert.rejects(ended, denial);
      assert.deepEqual(counts, { published: 0, skipped: 0, unconfirmed: seen.ids.length });
    });
  });

  describe('when the broker confirms', () => {
    it('keeps the order, and no more in flight than allowed', async () => {
      const { seen, publish } = brokerThat(soon);
      await publishLines(lines(100), counts, OPTIONS, dependencies({ publish }));
      assert.deepEqual(
        seen.ids,
        Array.from({ length: 100 }, (_, index) => String(index + 1)),
      );
      assert.equal(seen.mostInFlight, 10);
      assert.deepEqual(counts, { published: 100, skipped: 0, unconfirmed: 0 });
    });

    it('bounds the bytes in flight, and sends a line that is larger than that alone', async () => {
      const { seen, publish } = brokerThat(soon);
      await publishLines(lines(10, 400), counts, OPTIONS, dependencies({ publish }));
      assert.equal(seen.mostInFlight, 2);
      await publishLines(lines(2, 5_000), counts, OPTIONS, dependencies({ publish }));
      assert.equal(counts.published, 12);
    });
  });

  describe('when the connection is lost', () => {
    it('sends again what was not confirmed, in order, before anything new', async () => {
      const failed: string[] = [];
      const { seen, publish } = brokerThat(async (id, call) => {
        await soon();
        if (call > 10 || Number(id) % 3 !== 0) return;
        failed.push(id);
        throw new BrokerUnavailableError('lost');
      });
      const sentBefore: number[] = [];
      const onTrouble = (): void => void sentBefore.push(seen.ids.length);
      await publishLines(lines(30), counts, OPTIONS, dependencies({ publish, onTrouble }));
      assert.deepEqual(failed, ['3', '6', '9']);
      const [before = 0] = sentBefore;
      const next = Array.from({ length: 33 - before - 3 }, (_, index) => String(before + 1 + index));
      assert.deepEqual(seen.ids.slice(before), [...failed, ...next]);
      assert.deepEqual(counts, { published: 30, skipped: 0, unconfirmed: 0 });
    });

    it('sends it again though the next line does not come', async () => {
      const nextLine = Promise.withResolvers<void>();
      async function* slowly(): AsyncGenerator<EventLine> {
        yield* lines(2);
        await nextLine.promise;
      }
      const isConfirmed = Promise.withResolvers<void>();
      const { seen, publish } = brokerThat(async (_id, call) => {
        await soon();
        if (call <= 2) throw new BrokerUnavailableError('lost');
      });
      const ended = publishLines(
        slowly(),
        counts,
        OPTIONS,
        dependencies({ publish, onRecovered: () => isConfirmed.resolve() }),
      );
      await isConfirmed.promise;
      assert.deepEqual(counts, { published: 2, skipped: 0, unconfirmed: 0 });
      nextLine.resolve();
      await ended;
      assert.deepEqual(seen.ids, ['1', '2', '1', '2']);
    });

    it('gives up, and reads no further, though the next line is not due yet', async () => {
      const left = Promise.withResolvers<void>();
      async function* source(): AsyncGenerator<EventLine> {
        try {
          yield* lines(2);
        } finally {
          left.resolve();
        }
      }
      const lost = new BrokerUnavailableError('lost');
      const { publish } = brokerThat(() => Promise.reject(lost));
      const options = { ...OPTIONS, giveUpAfterMs: 50, eventsPerSecond: 0.001 };
      await assert.rejects(publishLines(source(), counts, options, dependencies({ publish })), lost);
      await left.promise;
    });

    it('sends nothing new once it is interrupted', async () => {
      const controller = new AbortController();
      const { seen, publish } = brokerThat(async (_id, call) => {
        await soon();
        if (call === 1) throw new BrokerUnavailableError('lost');
        controller.abort();
        throw new BrokerUnavailableError('lost again');
      });
      await publishLines(
        lines(2),
        counts,
        { ...OPTIONS, maxInFlight: 1 },
        dependencies({ publish, signal: controller.signal }),
      );
      assert.deepEqual(seen.ids, ['1', '1']);
    });

    it('gives up though the next line does not come', async () => {
      const lost = new BrokerUnavailableError('lost');
      const { publish } = brokerThat(() => Promise.reject(lost));
      const options = { ...OPTIONS, giveUpAfterMs: 50 };
      await assert.rejects(publishLines(endlessly(), counts, options, dependencies({ publish })), lost);
      assert.deepEqual(counts, { published: 0, skipped: 0, unconfirmed: 1 });
    });

    it('says which line cannot be routed though the next one does not come', async () => {
      const { publish } = brokerThat(() => Promise.reject(new UnroutableError('no queue takes it')));
      const refused = publishLines(endlessly(), counts, OPTIONS, dependencies({ publish }));
      await assert.rejects(refused, { name: 'InvalidLineError', line: 1 });
    });

    it('gives up where nothing is confirmed for too long, and says how many were', async () => {
      const publish = async ({ id }: { readonly id: string }): Promise<void> => {
        if (Number(id) > 4) throw new BrokerUnavailableError('still gone');
      };
      const publishing = publishLines(lines(8), counts, { ...OPTIONS, giveUpAfterMs: 50 }, dependencies({ publish }));
      await assert.rejects(publishing, { code: 'BROKER_UNAVAILABLE', message: 'still gone' });
      assert.equal(counts.published, 4);
      assert.ok(counts.unconfirmed > 0);
    });
  });

  describe('when it is interrupted', () => {
    it('reads no further and waits for what is in flight', async () => {
      const controller = new AbortController();
      const { publish } = brokerThat(async (id) => {
        await soon();
        if (id === '5') controller.abort();
      });
      await publishLines(lines(1_000), counts, OPTIONS, dependencies({ publish, signal: controller.signal }));
      assert.ok(counts.published < 50);
      assert.equal(counts.unconfirmed, 0);
    });

    it('leaves off trying where the broker is unavailable, and says how many were not confirmed', async () => {
      const controller = new AbortController();
      const publish = async (): Promise<void> => {
        throw new BrokerUnavailableError('gone');
      };
      const onTrouble = (): void => controller.abort();
      const deps = dependencies({ publish, onTrouble, signal: controller.signal, backOffMs: () => 60_000 });
      await publishLines(lines(3), counts, OPTIONS, deps);
      assert.deepEqual([counts.published, counts.unconfirmed > 0], [0, true]);
    });

    it('waits no longer for room where nothing is confirmed', async () => {
      const controller = new AbortController();
      const { seen, publish } = brokerThat(async (id) => {
        if (id === '10') setImmediate(() => controller.abort());
        // After the abort, so that what was in flight is confirmed while it is drained.
        const { promise, resolve } = Promise.withResolvers<void>();
        controller.signal.addEventListener('abort', () => setImmediate(resolve));
        await promise;
      });
      await publishLines(lines(1_000), counts, OPTIONS, dependencies({ publish, signal: controller.signal }));
      assert.equal(seen.ids.length, 10);
      assert.deepEqual(counts, { published: 10, skipped: 0, unconfirmed: 0 });
    });

    it('ends with what was read where reading is broken off', async () => {
      const controller = new AbortController();
      async function* heldOpen(): AsyncGenerator<EventLine> {
        yield* lines(3);
        setImmediate(() => controller.abort());
        await delay(60_000, undefined, { signal: controller.signal });
      }
      await publishLines(heldOpen(), counts, OPTIONS, dependencies({ signal: controller.signal }));
      assert.deepEqual(counts, { published: 3, skipped: 0, unconfirmed: 0 });
    });
  });
});
