import assert from 'node:assert/strict';
import fc from 'fast-check';
import { IndexUnavailableError, type WriteOutcome } from '../../../src/order-index/port.ts';
import { projectBatch } from '../../../src/projector/project-batch.ts';
import type { ProtocolStep } from '../../../src/projector/round.ts';
import { OrderLines } from '../../../src/projector/order-lines.ts';
import { dueParked } from '../../../src/projector/sweeper.ts';
import { workOf, type Job } from '../../../src/projector/work.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt, jobOf, protocolInstance, worksOf } from '../../support/protocol.ts';

const LIVE = 'orders-000001';
const NEXT = 'orders-000002';

function tagsIn(index: MemoryIndex, generation: string, orderId: string): readonly string[] | undefined {
  return index.generations.get(generation)?.get(orderId)?.tags;
}

function versionIn(index: MemoryIndex, generation: string, orderId: string): number | undefined {
  return index.generations.get(generation)?.get(orderId)?.version;
}

describe('projectBatch', () => {
  describe('when the events are in sequence', () => {
    it('makes one write of several events of one order', async () => {
      const index = new MemoryIndex();
      const { deps, settled } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 2, 3]), deps);
      assert.deepEqual(index.writes, [{ generation: LIVE, orderId: 'o', version: 3, outcome: 'written' }]);
      assert.deepEqual([...settled.values()], ['applied', 'applied', 'applied']);
    });
  });

  describe('when an event comes again', () => {
    it('settles it as a duplicate without a write while there is one write target', async () => {
      const index = new MemoryIndex();
      const { deps, settled } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 2]), deps);
      await projectBatch(worksOf('o', [2]), deps);
      assert.equal(index.writes.length, 1);
      assert.equal([...settled.values()].at(-1), 'duplicate');
    });

    it('brings a loaded document to every other write target before it is settled', async () => {
      const index = new MemoryIndex();
      await projectBatch(worksOf('o', [1, 2]), protocolInstance(index).deps);
      index.register(NEXT);
      const { deps, settled } = protocolInstance(index);
      await projectBatch(worksOf('o', [2]), deps);
      assert.equal(versionIn(index, NEXT, 'o'), 2);
      assert.deepEqual([...settled.values()], ['duplicate']);
    });

    it('writes it again where the index was lost meanwhile, and made anew under its name', async () => {
      const index = new MemoryIndex();
      const { deps, settled } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 2]), deps);
      index.generations.get(LIVE)?.clear();
      await projectBatch(worksOf('o', [1, 2]), deps);
      assert.equal(versionIn(index, LIVE, 'o'), 2);
      assert.deepEqual([...settled.values()].slice(2), ['applied', 'applied']);
    });

    it('writes to all targets what it knows from the working set under an older epoch', async () => {
      const index = new MemoryIndex();
      const { deps } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 2]), deps);
      index.register(NEXT);
      await projectBatch(worksOf('o', [2]), deps);
      assert.equal(versionIn(index, NEXT, 'o'), 2);
    });
  });

  describe('when an event is early', () => {
    it('parks it, and applies it at once when the hole fills', async () => {
      const index = new MemoryIndex();
      const { deps, settled } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 3, 4]), deps);
      assert.deepEqual([versionIn(index, LIVE, 'o'), index.parked.size], [1, 2]);
      await projectBatch(worksOf('o', [2]), deps);
      assert.deepEqual([versionIn(index, LIVE, 'o'), index.parked.size], [4, 0]);
      assert.deepEqual([...settled.values()], ['applied', 'parked', 'parked', 'applied']);
    });

    it('applies however many wait behind it, and drops them as it goes on', async () => {
      const index = new MemoryIndex();
      const { deps } = protocolInstance(index);
      const behind = Array.from({ length: 500 }, (_, at) => at + 3);
      await projectBatch(worksOf('o', [1, ...behind]), deps);
      const atOnce: number[] = [];
      const unpark = index.unpark.bind(index);
      index.unpark = (places) => {
        atOnce.push(places.length);
        return unpark(places);
      };
      await projectBatch(worksOf('o', [2]), deps);
      assert.deepEqual([versionIn(index, LIVE, 'o'), index.parked.size], [502, 0]);
      assert.equal(Math.max(...atOnce) < 100, true, `${atOnce.join(', ')} at once`);
    });

    it('holds it unsettled and unparked where several projectors share the queue, and parks it the next time', async () => {
      const index = new MemoryIndex();
      const held: Job[] = [];
      let holds = true;
      const { deps, settled } = protocolInstance(index, { mayHold: () => holds, hold: (jobs) => held.push(...jobs) });
      await projectBatch(worksOf('o', [1, 3]), deps);
      assert.deepEqual([held.map(({ event }) => event.sequence), index.parked.size, settled.size], [[3], 0, 1]);
      holds = false;
      await projectBatch(workOf(held), deps);
      assert.deepEqual([index.parked.size, [...settled.values()]], [1, ['applied', 'parked']]);
    });

    it('starts over when the hole was filled between its load and its parking', async () => {
      const index = new MemoryIndex();
      const other = protocolInstance(index);
      const { deps } = protocolInstance(index);
      let filled = false;
      index.before = async (step) => {
        if (step !== 'park' || filled) return;
        filled = true;
        await projectBatch(worksOf('o', [1]), other.deps);
      };
      await projectBatch(worksOf('o', [2]), deps);
      assert.deepEqual([versionIn(index, LIVE, 'o'), index.parked.size], [2, 0]);
    });

    it('applies what is parked, and not another event for its place, when the hole was filled meanwhile', async () => {
      const index = new MemoryIndex();
      await projectBatch(worksOf('o', [1, 3]), protocolInstance(index).deps);
      const stalled = protocolInstance(index, { isKeptParked: () => true });
      const { deps, deadLetters } = protocolInstance(index);
      let filled = false;
      index.before = async (step) => {
        if (step !== 'park' || filled) return;
        filled = true;
        await projectBatch(worksOf('o', [2]), stalled.deps);
      };
      await projectBatch(workOf([jobOf('o', eventAt(3, 'other'))]), deps);
      const refused = deadLetters.map(({ offer: { event }, refusal }) => [event.id, refusal.reason]);
      assert.deepEqual(refused, [['other', 'sequence_conflict']]);
      assert.deepEqual([versionIn(index, LIVE, 'o'), index.parked.size], [3, 0]);
      assert.ok(tagsIn(index, LIVE, 'o')?.includes('e3'));
    });

    it('dead-letters another event for a parked place as a sequence conflict', async () => {
      const index = new MemoryIndex();
      const { deps, deadLetters } = protocolInstance(index);
      await projectBatch(worksOf('o', [3]), deps);
      await projectBatch(workOf([jobOf('o', eventAt(3, 'other'))]), deps);
      assert.deepEqual(
        deadLetters.map(({ refusal }) => refusal.reason),
        ['sequence_conflict'],
      );
    });

    it('dead-letters one for a place that a parked skip has declared missing as such', async () => {
      const index = new MemoryIndex();
      const { deps, deadLetters } = protocolInstance(index);
      const skip = { ...eventAt(3, 'skip'), type: 'order.skipped.v1', data: {} };
      await projectBatch(workOf([jobOf('o', skip)]), deps);
      await projectBatch(worksOf('o', [3]), deps);
      assert.deepEqual(
        deadLetters.map(({ offer, refusal }) => [offer.event.id, refusal.reason]),
        [['e3', 'declared_missing']],
      );
    });
  });

  describe('when a write target appears between the first look and the second', () => {
    it('writes to it too before anything is settled', async () => {
      const index = new MemoryIndex();
      const steps: ProtocolStep[] = [];
      const reached = (step: ProtocolStep) => {
        steps.push(step);
        if (step === 'written' && index.targets.length === 1) index.register(NEXT);
        return Promise.resolve();
      };
      const { deps, settled } = protocolInstance(index, { reached });
      await projectBatch(worksOf('o', [1]), deps);
      assert.equal(versionIn(index, NEXT, 'o'), 1);
      assert.deepEqual(steps, [
        'looked',
        'folded',
        'written',
        'written to a standby',
        'looked again',
        'before settling',
      ]);
      assert.equal(settled.size, 1);
    });
  });

  describe('when the index refuses a document of an order for which another batch waits, which waits for a second order too', () => {
    it('waits for nobody who waits for it', async () => {
      const index = new MemoryIndex();
      const lines = new OrderLines();
      const refused: WriteOutcome = { kind: 'refused', reason: 'cannot be parsed', path: 'tags' };
      let moves = 3;
      index.obstacle = (_, { orderId, document }) => {
        if (document.tags?.includes('bad')) return refused;
        return orderId === 'second' && (moves -= 1) > 0 ? { kind: 'moved', reason: 'for a moment' } : undefined;
      };
      const { deps, deadLetters } = protocolInstance(index, { lines });
      const first = projectBatch(
        workOf([
          ...[1, 2].map((at) => jobOf('first', eventAt(at, at === 2 ? 'bad' : undefined))),
          jobOf('second', eventAt(1)),
        ]),
        deps,
      );
      // As a probe does: it wants both before it begins.
      const orderIds = ['first', 'second'];
      const place = lines.enter(orderIds);
      const waiting = (async () => {
        while (!orderIds.every((orderId) => place.isFirst(orderId))) await place.changed();
        place.leave(orderIds);
      })();
      await Promise.all([first, waiting]);
      assert.deepEqual(deadLetters.map(({ offer: { event } }) => event.id), ['bad']); // prettier-ignore
      assert.deepEqual([versionIn(index, LIVE, 'first'), versionIn(index, LIVE, 'second')], [1, 1]);
    });
  });

  describe('when the index refuses a document', () => {
    it('blames the event at fault alone, and its neighbours go free', async () => {
      const index = new MemoryIndex();
      const refused: WriteOutcome = { kind: 'refused', reason: 'cannot be parsed', path: 'tags' };
      index.obstacle = (_, { document }) => (document.tags?.includes('e3') ? refused : undefined);
      const { deps, settled, deadLetters } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 2, 3, 4]), deps);
      assert.deepEqual(
        deadLetters.map(({ offer, refusal }) => [offer.event.id, refusal.reason]),
        [['e3', 'refused_by_index']],
      );
      assert.deepEqual([versionIn(index, LIVE, 'o'), index.parked.size], [2, 1]);
      assert.deepEqual([...settled.values()], ['applied', 'applied', 'dead_lettered', 'parked']);
    });

    it('outlives an outage while it takes a parked event out', async () => {
      const index = new MemoryIndex();
      const { deps, deadLetters } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 3]), deps);
      const refused: WriteOutcome = { kind: 'refused', reason: 'cannot be parsed', path: 'tags' };
      index.obstacle = (_, { document }) => (document.tags?.includes('e3') ? refused : undefined);
      let outages = 1;
      index.before = (step) => {
        if (step === 'unpark' && (outages -= 1) === 0) throw new IndexUnavailableError('away');
        return Promise.resolve();
      };
      await projectBatch(worksOf('o', [2]), deps);
      assert.deepEqual([deadLetters.length, index.parked.size], [1, 0]);
    });

    it('dead-letters a parked event that is at fault, not the one that filled the hole', async () => {
      const index = new MemoryIndex();
      const { deps, deadLetters } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 3]), deps);
      const refused: WriteOutcome = { kind: 'refused', reason: 'cannot be parsed', path: 'tags' };
      index.obstacle = (_, { document }) => (document.tags?.includes('e3') ? refused : undefined);
      await projectBatch(worksOf('o', [2]), deps);
      assert.deepEqual(
        deadLetters.map(({ offer }) => offer.event.id),
        ['e3'],
      );
      assert.deepEqual([versionIn(index, LIVE, 'o'), index.parked.size], [2, 0]);
    });
  });

  describe('when an order is erased', () => {
    const erasure = (sequence: number) => ({ ...eventAt(sequence), type: 'order.erased.v1', data: {} });

    it('forgets its dead letters and its parked events, and keeps the places of those behind a hole', async () => {
      const index = new MemoryIndex();
      const { deps } = protocolInstance(index);
      await projectBatch(worksOf('o', [1, 3, 6]), deps);
      await projectBatch(workOf([jobOf('o', erasure(4))]), deps);
      assert.deepEqual(index.forgotten, ['o']);
      assert.equal(index.generations.get(LIVE)?.get('o')?.status, 'erased');
      assert.deepEqual(
        [...index.parked.values()].map(({ event }) => [event.id, event.sequence, event.data]),
        [['e6', 6, {}]],
      );
    });

    it('forgets them all, however many there are', async () => {
      const index = new MemoryIndex();
      const { deps } = protocolInstance(index);
      const behind = Array.from({ length: 150 }, (_, at) => at + 6);
      await projectBatch(worksOf('o', [1, 3, ...behind]), deps);
      await projectBatch(worksOf('p', [3]), deps);
      await projectBatch(workOf([jobOf('o', erasure(4))]), deps);
      const parked = [...index.parked.values()].filter(({ orderId }) => orderId === 'o');
      assert.deepEqual(
        parked.map(({ event }) => [event.sequence, event.data]),
        behind.map((sequence) => [sequence, {}]),
      );
      const [other] = await index.parkedAt([{ orderId: 'p', sequence: 3 }]);
      assert.deepEqual(other?.event, eventAt(3));
    });

    const placesOf = (index: MemoryIndex) =>
      [...index.parked.values()].map(({ event }) => [event.id, event.sequence, event.data]);

    it('parks nothing but the places of what comes behind a hole afterwards', async () => {
      const index = new MemoryIndex();
      const { deps } = protocolInstance(index);
      await projectBatch(workOf([jobOf('o', erasure(4))]), deps);
      await projectBatch(worksOf('o', [6]), deps);
      assert.deepEqual(placesOf(index), [['e6', 6, {}]]);
    });

    it('leaves nothing but the place of what another instance parks at the same time', async () => {
      const index = new MemoryIndex();
      await projectBatch(worksOf('o', [1]), protocolInstance(index).deps);
      let isErased = false;
      index.before = async (step) => {
        if (step !== 'park' || isErased) return;
        isErased = true;
        await projectBatch(workOf([jobOf('o', erasure(4))]), protocolInstance(index).deps);
      };
      await projectBatch(worksOf('o', [6]), protocolInstance(index).deps);
      assert.ok(isErased);
      assert.deepEqual(placesOf(index), [['e6', 6, {}]]);
    });

    it('leaves nothing but the place where it is interrupted before it knows of the erasure', async () => {
      const index = new MemoryIndex();
      await projectBatch(worksOf('o', [1]), protocolInstance(index).deps);
      let isErased = false;
      let isInterrupted = false;
      index.before = async (step) => {
        if (step === 'park' && !isErased) {
          isErased = true;
          await projectBatch(workOf([jobOf('o', erasure(4))]), protocolInstance(index).deps);
        } else if (step === 'stripParked' && !isInterrupted) {
          isInterrupted = true;
          throw new IndexUnavailableError('away');
        }
      };
      await projectBatch(worksOf('o', [6]), protocolInstance(index).deps);
      assert.ok(isInterrupted);
      assert.deepEqual(placesOf(index), [['e6', 6, {}]]);
    });

    it('loses no place where it is interrupted while it forgets what is parked', async () => {
      for (const spoilt of ['unpark', 'stripParked']) {
        const index = new MemoryIndex();
        const { deps } = protocolInstance(index);
        await projectBatch(worksOf('o', [1, 3, 6]), deps);
        let places: readonly unknown[] = [];
        index.before = (step) => {
          if (step !== spoilt || places.length > 0) return Promise.resolve();
          places = placesOf(index).map(([id]) => id);
          return Promise.reject(new IndexUnavailableError('away'));
        };
        await projectBatch(workOf([jobOf('o', erasure(4))]), deps);
        assert.ok(places.includes('e6'), spoilt);
        assert.deepEqual(placesOf(index), [['e6', 6, {}]]);
      }
    });

    it('does so too when the one that wrote the tombstone has died before', async () => {
      const index = new MemoryIndex();
      await projectBatch(workOf([jobOf('o', erasure(1))]), protocolInstance(index).deps);
      await projectBatch(workOf([jobOf('o', erasure(1))]), protocolInstance(index).deps);
      assert.deepEqual(index.forgotten, ['o', 'o']);
    });
  });

  describe('when two events claim one sequence', () => {
    it('dead-letters the one that is not stored, also from another instance', async () => {
      const index = new MemoryIndex();
      await projectBatch(worksOf('o', [1, 2]), protocolInstance(index).deps);
      const { deps, deadLetters } = protocolInstance(index);
      await projectBatch(workOf([jobOf('o', eventAt(2, 'other'))]), deps);
      assert.equal(deadLetters[0]?.refusal.reason, 'sequence_conflict');
    });

    it('never folds a newer event onto one that has lost to another instance', async () => {
      const index = new MemoryIndex();
      const a = protocolInstance(index);
      const b = protocolInstance(index);
      await projectBatch(worksOf('o', [1]), a.deps);
      const reached = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const slow = {
        ...a.deps,
        reached: (step: ProtocolStep) => (reached.resolve(), step === 'folded' ? goOn.promise : Promise.resolve()),
      };
      const first = projectBatch(worksOf('o', [2]), slow);
      await reached.promise;
      const second = projectBatch(worksOf('o', [3]), slow);
      await projectBatch(workOf([jobOf('o', eventAt(2, 'other'))]), b.deps);
      goOn.resolve();
      await Promise.all([first, second]);
      assert.deepEqual(tagsIn(index, LIVE, 'o'), ['other', 'e3']);
      assert.deepEqual(
        a.deadLetters.map(({ offer, refusal }) => [offer.event.id, refusal.reason]),
        [['e2', 'sequence_conflict']],
      );
    });

    it('lets the live generation arbitrate when both are written at once', async () => {
      const index = new MemoryIndex();
      await projectBatch(worksOf('o', [1]), protocolInstance(index).deps);
      const a = protocolInstance(index);
      const b = protocolInstance(index);
      await Promise.all([
        projectBatch(workOf([jobOf('o', eventAt(2, 'a'))]), a.deps),
        projectBatch(workOf([jobOf('o', eventAt(2, 'b'))]), b.deps),
      ]);
      const stored = tagsIn(index, LIVE, 'o');
      const lost = [...a.deadLetters, ...b.deadLetters].map(({ offer }) => offer.event.id);
      assert.deepEqual([...(stored ?? []), ...lost].sort(), ['a', 'b']);
    });
  });

  describe('whatever the interleaving', () => {
    it('ends with every event in every write target, nothing parked, and no event blamed', async () => {
      await fc.assert(
        fc.asyncProperty(fc.scheduler(), scenario(), async (scheduler, { batches, registerAfter, outages }) => {
          const index = new MemoryIndex();
          let steps = 0;
          index.before = async (step) => {
            await scheduler.schedule(Promise.resolve(), step);
            steps += 1;
            if (steps === registerAfter) {
              index.register(NEXT);
              index.copyTo(NEXT);
            }
            if (outages.includes(steps)) throw new IndexUnavailableError(`outage at step ${steps}`);
          };
          const instances = [protocolInstance(index), protocolInstance(index)];
          const running = batches.map(({ instance, jobs }) =>
            projectBatch(workOf(jobs), instances[instance % 2]!.deps),
          );
          await scheduler.waitFor(Promise.all(running));
          index.before = () => Promise.resolve();
          // A copy that was parked while another one was applied is left for the sweeper.
          for await (const works of dueParked(index, new AbortController().signal))
            await projectBatch(works, instances[0]!.deps);
          assertAtRest(
            index,
            batches.flatMap(({ jobs }) => jobs),
            instances,
          );
        }),
        { numRuns: 300 },
      );
    });
  });
});

interface Scenario {
  readonly batches: readonly { readonly instance: number; readonly jobs: readonly Job[] }[];
  readonly registerAfter: number;
  readonly outages: readonly number[];
}

/** Two orders with four events each, some twice, in any order and any batches, on two instances with outages. */
function scenario(): fc.Arbitrary<Scenario> {
  const sequences = ['o', 'p'].flatMap((orderId) => [1, 2, 3, 4].map((sequence) => ({ orderId, sequence })));
  const messages = fc
    .subarray(sequences)
    .chain((twice) => fc.shuffledSubarray([...sequences, ...twice], { minLength: sequences.length + twice.length }));
  const cuts = fc.array(fc.record({ instance: fc.nat(1), size: fc.integer({ min: 1, max: 5 }) }), {
    minLength: 16,
    maxLength: 16,
  });
  return fc
    .record({ messages, cuts, registerAfter: fc.nat(60), outages: fc.array(fc.nat(60), { maxLength: 3 }) })
    .map(({ messages, cuts, ...rest }) => {
      const jobs = messages.map(({ orderId, sequence }) => jobOf(orderId, eventAt(sequence)));
      let from = 0;
      const batches = cuts.map(({ instance, size }) => ({ instance, jobs: jobs.slice(from, (from += size)) }));
      return { batches: batches.filter(({ jobs }) => jobs.length > 0), ...rest };
    });
}

function assertAtRest(
  index: MemoryIndex,
  jobs: readonly Job[],
  instances: readonly ReturnType<typeof protocolInstance>[],
) {
  for (const generation of index.targets) {
    for (const orderId of ['o', 'p']) {
      assert.equal(versionIn(index, generation, orderId), 4, `${generation} ${orderId}`);
      assert.deepEqual(tagsIn(index, generation, orderId), ['e2', 'e3', 'e4']);
    }
  }
  assert.deepEqual([...index.parked.keys()], []);
  assert.deepEqual(
    instances.flatMap(({ deadLetters }) => deadLetters),
    [],
  );
  assert.equal(
    instances.reduce((settled, instance) => settled + instance.settled.size, 0),
    jobs.length,
  );
}
