import assert from 'node:assert/strict';
import type { OrderDocument } from '../../src/order/document.ts';
import type { OrderEvent } from '../../src/order/event.ts';
import { documentOf } from '../../src/order/flatten.ts';
import { DEFAULT_STORAGE_LIMITS, foldStored } from '../../src/order/fold.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { compareWithLive } from '../../src/rebuild/compare.ts';
import { copyLive } from '../../src/rebuild/copy.ts';
import { propagateErasures } from '../../src/rebuild/propagate-erasures.ts';
import type { EventSource, SourceEvent } from '../../src/rebuild/event-source.ts';
import { replay } from '../../src/rebuild/replay.ts';
import type { CopyProgress, ReplayProgress, RunState } from '../../src/rebuild/state.ts';
import { LostTargetError } from '../../src/rebuild/write-until-stored.ts';
import { refusedSkipMarker } from '../../src/order/refused-skip.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { createRandom } from '../../src/sample/random.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';
import { shuffledEvents } from '../support/drain.ts';
import { compareDocuments, expectedDocuments } from '../support/oracle.ts';
import { eventAt } from '../support/protocol.ts';
import { aRebuild } from '../unit/rebuild/runs.ts';

const NEVER = new AbortController().signal;
const AT_ONCE = {
  ...{ signal: NEVER, now: () => new Date() },
  ...{ onCompared: () => undefined, reached: () => Promise.resolve() },
};

/** What a process that dies leaves behind: an exception where it stood. */
class Died extends Error {}

describeForEachBackend('what a rebuild builds from', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  let built: string;
  beforeEach(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    await index.generations.create(2);
    built = (await index.generations.list())[1]?.name ?? '';
    await index.generations.renameEpoch((await index.registry()).epoch, { register: [built] });
  });
  afterEach(() => place.remove());

  async function writeLive(events: ReadonlyMap<string, readonly OrderEvent[]>): Promise<void> {
    const { live } = await index.registry();
    const writes = [...events].map(([orderId, history]) => {
      const state = foldStored(orderId, history);
      return { orderId, version: state.version, document: documentOf(state, '2026-03-01T10:00:00.000Z') };
    });
    assert.ok((await index.write(live, writes, 'live')).every(({ kind }) => kind === 'written'));
  }

  /** Everything in the generation that is built. */
  async function documents(orderIds: Iterable<string>): Promise<ReadonlyMap<string, OrderDocument>> {
    const target = (await index.registry()).targets.find(({ generation }) => generation === built);
    assert.ok(target);
    const loaded = await index.load(target, [...orderIds]);
    assert.ok(loaded.kind === 'loaded');
    return loaded.documents;
  }

  const histories = (count: number, length: number) =>
    new Map(
      Array.from({ length: count }, (_, order) => [
        `O-${order}`,
        Array.from({ length: 1 + (order % length) }, (_, at) => eventAt(at + 1)),
      ]),
    );

  describe('when it copies what is live', () => {
    const start = aRebuild().copy;

    it('has every order as it is in the live generation', async () => {
      const orders = histories(300, 4);
      await writeLive(orders);
      const reports: CopyProgress[] = [];
      const progress = await copyLive(built, start, { index, ...AT_ONCE, onProgress: (now) => reports.push(now) });
      assert.deepEqual([progress.copied, progress.slices.every(({ done }) => done)], [300, true]);
      const copies = await documents(orders.keys());
      for (const [orderId, events] of orders) assert.deepEqual(copies.get(orderId)?.events, events);
      assert.ok(reports.length >= 3);
    });

    it('goes on where it was when it died, wherever that was', async () => {
      const orders = histories(400, 3);
      await writeLive(orders);
      let pages = 0;
      let progress = start;
      let deaths = 0;
      for (let isDone = false; !isDone;) {
        try {
          const reached = () => ((pages += 1) % 3 === 0 ? Promise.reject(new Died()) : Promise.resolve());
          const onProgress = (now: CopyProgress) => (progress = now);
          progress = await copyLive(built, progress, { index, ...AT_ONCE, reached, onProgress });
          isDone = true;
        } catch (error) {
          if (!(error instanceof Died)) throw error;
          deaths += 1;
        }
      }
      assert.ok(deaths > 0);
      assert.equal((await documents(orders.keys())).size, 400);
      // Only what was written and not yet said is written once more.
      assert.equal(progress.copied, 400);
    });

    it('stops when it is told to, and when the generation is no write target any more', async () => {
      await writeLive(histories(10, 1));
      const stopped = new AbortController();
      stopped.abort(new Died());
      const onProgress = () => undefined;
      await assert.rejects(copyLive(built, start, { index, ...AT_ONCE, signal: stopped.signal, onProgress }), Died);
      await index.generations.renameEpoch((await index.registry()).epoch, { unregister: [built] });
      await assert.rejects(copyLive(built, start, { index, ...AT_ONCE, onProgress }), LostTargetError);
    });
  });

  describe('when it replays events', () => {
    const source = (messages: readonly (string | Uint8Array)[], begin = 0): EventSource => {
      const readFrom = async function* (from: number): AsyncGenerator<SourceEvent> {
        for (const [position, body] of messages.entries()) {
          await Promise.resolve();
          if (position >= from) yield { position, body: typeof body === 'string' ? Buffer.from(body) : body };
        }
      };
      return {
        read: (from) => readFrom(Math.max(from, begin)),
        readWhole: () => readFrom(0),
        total: () => Promise.resolve(messages.length),
      };
    };
    const bodiesOf = (events: readonly CloudEvent[]) => events.map((event) => outgoingOf(event).body);
    const fromHistory = (changes: Partial<RunState> = {}): RunState =>
      aRebuild({ generation: built, step: 'COPY', ...changes }, { source: 'history' });

    function replaying(messages: readonly (string | Uint8Array)[], run = fromHistory(), reached = AT_ONCE.reached) {
      const reports: ReplayProgress[] = [];
      const result = replay(run, {
        ...{
          index,
          ...AT_ONCE,
          reached,
          pageEvents: 20,
          maxMessageBytes: 4_194_304,
          storageLimits: DEFAULT_STORAGE_LIMITS,
        },
        ...{ source: source(messages), onProgress: (progress) => reports.push(progress) },
      });
      return { result, reports };
    }

    async function assertFold(events: readonly CloudEvent[]): Promise<void> {
      const expected = expectedDocuments(events.map((event) => ({ ...event })));
      const there = await documents(expected.keys());
      const wrong = [...expected.values()].flatMap((order) => compareDocuments(order, there.get(order.orderId)));
      assert.deepEqual(wrong, []);
    }

    it('folds them in whatever order they come, and however often', async () => {
      const events = shuffledEvents({ seed: 'replay', orders: 60 });
      const { result, reports } = replaying(bodiesOf(events));
      const { processed, withoutBeginning, unparseable, done } = await result;
      assert.deepEqual([processed, withoutBeginning, unparseable, done], [events.length, 0, 0, true]);
      await assertFold(events);
      assert.equal(await index.countParked(), 0);
      assert.ok(reports.every(({ total }) => total === events.length));
    });

    it('goes on where it was when it died: its position passes nothing that only memory held', async () => {
      const events = shuffledEvents({ seed: 'replay deaths', orders: 80 });
      const messages = bodiesOf(events).flatMap((body, at) => (at % 10 === 0 ? ['no event', body] : [body]));
      const random = createRandom('replay deaths');
      const reached = () => (random.chance(0.3) ? Promise.reject(new Died()) : Promise.resolve());
      let run = fromHistory();
      let deaths = 0;
      while (!run.replay.done) {
        const { result, reports } = replaying(messages, run, reached);
        const progress = await result.catch((error: unknown) => {
          if (!(error instanceof Died)) throw error;
          deaths += 1;
          return reports.at(-1) ?? run.replay;
        });
        run = { ...run, replay: progress };
      }
      assert.ok(deaths > 0);
      await assertFold(events);
      // However often a message was read.
      assert.deepEqual(
        [run.replay.processed, run.replay.unparseable],
        [messages.length, messages.length - events.length],
      );
    });

    it('fails where it goes on and the source is another one: a stream that was declared anew', async () => {
      const [first, second, third, other] = [1, 2, 3, 1].map((sequence, at) =>
        cloudEvent(`O-${at}`, eventAt(sequence)),
      ) as [string, string, string, string];
      const { result, reports } = replaying([first, second]);
      await result;
      const replay = { ...reports.at(-1), done: false } as ReplayProgress;
      assert.deepEqual([replay.position, replay.mark?.position], [1, 1]);
      const goOn = (messages: readonly string[]) => replaying(messages, fromHistory({ replay })).result;
      const failure = /^EventSourceError: the history is another one than was read up to position 1/;
      for (const messages of [[], [first], [other], [third, other], [third, other, first]]) {
        await assert.rejects(goOn(messages), failure);
      }
      assert.equal((await goOn([first, second, third])).processed, 3);
    });

    it('leaves what is live as it is: of two events at one sequence the live one stands', async () => {
      const mine = [eventAt(1), eventAt(2, 'live')];
      await writeLive(new Map([['O-1', mine]]));
      await copyLive(built, aRebuild().copy, { index, ...AT_ONCE, onProgress: () => undefined });
      const theirs = [eventAt(1), eventAt(2, 'other'), eventAt(3)].map((event) => cloudEvent('O-1', event));
      await replaying(theirs).result;
      const { events } = (await documents(['O-1'])).get('O-1') ?? {};
      assert.deepEqual(events, [...mine, eventAt(3)]);
    });

    it('takes a sequence that was declared missing for missing, though the event is there, and earlier', async () => {
      const skip: OrderEvent = { ...eventAt(2, 'skip'), type: 'order.skipped.v1', data: {} };
      const events = [eventAt(1), eventAt(2, 'late'), eventAt(3), skip];
      await replaying(events.map((event) => cloudEvent('O-1', event))).result;
      const document = (await documents(['O-1'])).get('O-1');
      assert.deepEqual(
        document?.events.map(({ id }) => id),
        ['e1', 'skip', 'e3'],
      );
    });

    describe('when a declaration was refused, since the event stood already', () => {
      const skip: OrderEvent = { ...eventAt(2, 'skip'), type: 'order.skipped.v1', data: {} };
      const refused = refusedSkipMarker('O-1', skip, new Date());
      const parts = [eventAt(1), eventAt(3)].map((event) => cloudEvent('O-1', event));
      const [real, skipped] = [eventAt(2), skip].map((event) => cloudEvent('O-1', event)) as [string, string];
      const idsFrom = async (messages: readonly (string | Uint8Array)[]) => {
        const { processed, unparseable } = await replaying(messages).result;
        assert.deepEqual([processed, unparseable], [messages.filter((one) => one !== refused).length, 0]);
        return (await documents(['O-1'])).get('O-1')?.events.map(({ id }) => id);
      };

      it('keeps the event, whichever of them the history has first', async () => {
        assert.deepEqual(await idsFrom([...parts, real, skipped, refused]), ['e1', 'e2', 'e3']);
      });

      it('keeps the event where the history has it after them', async () => {
        assert.deepEqual(await idsFrom([...parts, skipped, refused, real]), ['e1', 'e2', 'e3']);
      });

      it('takes the sequence for missing where it was declared missing once more, and that was not refused', async () => {
        assert.deepEqual(await idsFrom([...parts, real, skipped, refused, skipped]), ['e1', 'skip', 'e3']);
      });
    });

    it('honours a declaration that lies before the place where it begins to read', async () => {
      const skip: OrderEvent = { ...eventAt(2, 'skip'), type: 'order.skipped.v1', data: {} };
      const events = [skip, eventAt(1), eventAt(2, 'late'), skip, eventAt(3)].map((event) => cloudEvent('O-1', event));
      const deps = { index, ...AT_ONCE, maxMessageBytes: 4_194_304, storageLimits: DEFAULT_STORAGE_LIMITS };
      await replay(fromHistory(), { ...deps, source: source(events, 1), onProgress: () => undefined });
      assert.deepEqual((await documents(['O-1'])).get('O-1')?.events[1]?.id, 'skip');
    });

    it('fails where nothing is an event, and says what the first one is', async () => {
      await assert.rejects(
        replaying(['garbage', 'more']).result,
        /nothing of 2 messages is an event.* at 0: unparseable/,
      );
      assert.equal((await replaying([]).result).done, true);
    });

    it('counts what is no event, and goes on', async () => {
      const { result } = replaying(['{"cut o', cloudEvent('O-1', eventAt(1)), '[]']);
      assert.equal((await result).unparseable, 2);
      assert.equal((await documents(['O-1'])).size, 1);
    });

    it('counts and names the orders whose first events are nowhere, and parks nothing unless they are allowed', async () => {
      const events = [cloudEvent('O-1', eventAt(2)), cloudEvent('O-1', eventAt(3)), cloudEvent('O-2', eventAt(1))];
      const { withoutBeginning, namedWithoutBeginning } = await replaying(events).result;
      assert.deepEqual([withoutBeginning, namedWithoutBeginning], [1, ['O-1']]);
      assert.equal(await index.countParked(), 0);
      const allowed = aRebuild({ generation: built, step: 'COPY' }, { source: 'history', allowPartial: true });
      assert.equal((await replaying(events, allowed).result).withoutBeginning, 1);
      const parked = await index.parkedAt([2, 3].map((sequence) => ({ orderId: 'O-1', sequence })));
      assert.deepEqual(
        parked.map(({ event }) => event),
        [eventAt(2), eventAt(3)],
      );
    });

    it('parks the later events of an order whose first one is refused, as the projector does, wherever it dies', async () => {
      const invalid = JSON.stringify({ ...JSON.parse(cloudEvent('O-1', eventAt(1))), data: { customer: null } });
      const messages = [invalid, cloudEvent('O-1', eventAt(2)), cloudEvent('O-2', eventAt(1))];
      const { result, reports } = replaying(messages);
      assert.equal((await result).withoutBeginning, 0);
      const parked = async () => (await index.parkedAt([{ orderId: 'O-1', sequence: 2 }])).length;
      assert.equal(await parked(), 1);
      await index.unpark([{ orderId: 'O-1', sequence: 2 }]);
      const resumed = fromHistory({ replay: { ...reports.at(-1), done: false } as ReplayProgress });
      assert.equal(resumed.replay.position, 1);
      const { withoutBeginning, unparseable } = await replaying(messages, resumed).result;
      assert.deepEqual([withoutBeginning, unparseable, await parked()], [0, 1, 1]);
    });

    it('counts an order whose beginning is gone though a later message of it was refused', async () => {
      const invalid = JSON.stringify({ ...JSON.parse(cloudEvent('O-1', eventAt(4))), source: '' });
      const messages = [invalid, cloudEvent('O-1', eventAt(5)), cloudEvent('O-2', eventAt(1))];
      assert.equal((await replaying(messages).result).withoutBeginning, 1);
    });

    it('parks nothing but the places of an erased order, whatever comes first', async () => {
      const erased = eventOf('order.erased.v1', 3);
      const last = eventAt(9);
      const orders = { first: [eventAt(1), erased, last], last: [last, eventAt(1), erased], not: [eventAt(1), last] };
      const events = Object.entries(orders).flatMap(([id, history]) => history.map((event) => cloudEvent(id, event)));
      assert.equal((await replaying(events).result).withoutBeginning, 0);
      const parked = await index.parkedAt(Object.keys(orders).map((orderId) => ({ orderId, sequence: 9 })));
      const data = new Map(parked.map(({ orderId, event }) => [orderId, event.data]));
      assert.deepEqual(Object.fromEntries(data), { first: {}, last: {}, not: last.data });
    });

    it('parks what is behind a hole', async () => {
      const events = [cloudEvent('O-1', eventAt(1)), cloudEvent('O-1', eventAt(3))];
      assert.equal((await replaying(events).result).withoutBeginning, 0);
      assert.equal((await index.parkedAt([{ orderId: 'O-1', sequence: 3 }])).length, 1);
      assert.equal((await documents(['O-1'])).get('O-1')?.version, 1);
    });

    describe('when readers were moved to what knows of erasures that no projector has handled', () => {
      const SECRET = 'Ada Lovelace';
      const parkedAt = '2026-03-01T10:00:00.000Z';
      const deadLettersOf = async (orderId: string) =>
        (await index.listDeadLetters({ size: 100, orderId: [orderId] })).items.length;
      const parkedData = async (orderId: string) => {
        const parked = await index.parkedAt([4, 9].map((sequence) => ({ orderId, sequence })));
        return parked.map(({ event: { sequence, data } }) => [sequence, data]);
      };

      it('leaves nothing of these orders anywhere, and all of the others', async () => {
        const orderIds = ['erased', 'not'];
        await writeLive(new Map(orderIds.map((orderId) => [orderId, [eventAt(1)]])));
        const early = [4, 9].map((sequence) => eventAt(sequence, SECRET));
        for (const orderId of orderIds) {
          await index.park(early.map((event) => ({ orderId, event, parkedAt })));
          const refusal = { reason: 'invalid', path: 'data', message: 'is none' } as const;
          const times = { attempts: 1, firstFailedAt: parkedAt, lastFailedAt: parkedAt };
          await index.putDeadLetter({
            body: Buffer.from(`${orderId} ${SECRET}`),
            refusal,
            orderId,
            sequence: 2,
            ...times,
          });
        }
        await index.refresh();
        const { live } = await index.registry();
        const run = aRebuild({ generation: built, step: 'COPY' }, { source: 'file', path: 'erasures.ndjson' });
        await replaying([cloudEvent('erased', eventOf('order.erased.v1', 6)), cloudEvent('not', eventAt(2))], run)
          .result;
        await index.generations.renameEpoch((await index.registry()).epoch, { live: built });
        // Whoever dies in the middle does it again.
        for (let time = 0; time < 2; time++) await propagateErasures({ index, ...AT_ONCE });
        assert.deepEqual([await deadLettersOf('erased'), await parkedData('erased')], [0, [[9, {}]]]);
        const places = early.map(({ sequence, data }) => [sequence, data]);
        assert.deepEqual([await deadLettersOf('not'), await parkedData('not')], [1, places]);
        const standby = (await index.registry()).targets.find(({ generation }) => generation === live.generation);
        assert.ok(standby);
        const loaded = await index.load(standby, orderIds);
        assert.ok(loaded.kind === 'loaded');
        const [erased, other] = orderIds.map((orderId) => loaded.documents.get(orderId));
        assert.deepEqual([erased?.status, erased?.version, other?.version], ['erased', 6, 1]);
      });

      it('takes a standby out of the write targets that refuses a tombstone', async () => {
        await writeLive(new Map([['erased', [eventAt(1)]]]));
        const run = aRebuild({ generation: built, step: 'COPY' }, { source: 'file', path: 'erasures.ndjson' });
        await replaying([cloudEvent('erased', eventOf('order.erased.v1', 6))], run).result;
        await index.generations.renameEpoch((await index.registry()).epoch, { live: built });
        assert.equal((await index.registry()).targets.length, 2);
        const refuse: OrderIndex['write'] = (_target, writes) =>
          Promise.resolve(writes.map(() => ({ kind: 'refused', path: 'erasedAt', reason: 'is not mapped' })));
        await propagateErasures({ index: { ...index, write: refuse }, ...AT_ONCE });
        const { targets } = await index.registry();
        assert.deepEqual(
          targets.map(({ generation }) => generation),
          [built],
        );
      });
    });
  });

  describe('when it compares with what is live', () => {
    const compare = () => compareWithLive(built, { index, ...AT_ONCE });
    const written = async (orderId: string, events: readonly OrderEvent[]) => {
      const target = (await index.registry()).targets.find(({ generation }) => generation === built);
      assert.ok(target);
      const state = foldStored(orderId, events);
      const document = documentOf(state, '2026-03-01T10:00:00.000Z');
      await index.write(target, [{ orderId, version: state.version, document }], 'rebuild');
    };

    it('finds nothing where both are the same, or the new one is ahead', async () => {
      const orders = histories(20, 3);
      await writeLive(orders);
      for (const [orderId, events] of orders) await written(orderId, events);
      await written(
        'O-3',
        [1, 2, 3, 4, 5].map((sequence) => eventAt(sequence)),
      );
      await written('O-new', [eventAt(1)]);
      assert.deepEqual(await compare(), { copied: 0, different: 0, named: [] });
    });

    it('copies what is missing or behind', async () => {
      const orders = histories(250, 3);
      await writeLive(orders);
      for (const orderId of ['O-0', 'O-2', 'O-9']) await written(orderId, [eventAt(1)]);
      // O-0 and O-9 have one event, so they are there already.
      assert.deepEqual(await compare(), { copied: 248, different: 0, named: [] });
      const copies = await documents(orders.keys());
      for (const [orderId, events] of orders) assert.deepEqual(copies.get(orderId)?.events, events);
    });

    it('names what has another event anywhere at the same version', async () => {
      await writeLive(new Map([['O-1', [eventAt(1), eventAt(2), eventAt(3)]]]));
      await written('O-1', [eventAt(1), eventAt(2, 'other'), eventAt(3)]);
      const { copied, different, named } = await compare();
      assert.deepEqual([copied, different, named.map(({ orderId }) => orderId)], [0, 1, ['O-1']]);
      assert.match(named[0]?.reason ?? '', /version 3 is made of other events than the live one's/);
    });

    it('counts all that are different, and names the first', async () => {
      const orderIds = Array.from({ length: 130 }, (_, order) => `O-${1_000 + order}`);
      await writeLive(new Map(orderIds.map((orderId) => [orderId, [eventAt(1)]])));
      for (const orderId of orderIds) await written(orderId, [eventAt(1, 'other')]);
      const { different, named } = await compare();
      assert.deepEqual([different, named.map(({ orderId }) => orderId)], [130, orderIds.slice(0, 10)]);
    });
  });
});

function eventOf(type: OrderEvent['type'], sequence: number): OrderEvent {
  return { ...eventAt(sequence), type, data: {} };
}

function cloudEvent(orderId: string, event: OrderEvent): string {
  const { id, source, type, time, sequence, data } = event;
  return JSON.stringify({ specversion: '1.0', id, source, type, time, sequence, subject: orderId, data });
}
