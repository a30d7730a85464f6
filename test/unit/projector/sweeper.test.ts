import assert from 'node:assert/strict';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { projectBatch } from '../../../src/projector/project-batch.ts';
import { Interrupted } from '../../../src/projector/back-off.ts';
import { dueParked, Sweeper } from '../../../src/projector/sweeper.ts';
import { workOf } from '../../../src/projector/work.ts';
import { endlesslyParked } from '../../support/endlessly-parked.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt, jobOf, protocolInstance, worksOf } from '../../support/protocol.ts';

const LONG_MS = 60_000;

describe('Sweeper', () => {
  let index: MemoryIndex;
  let counts: number[];
  let sweeps: number[];
  let sweeper: Sweeper;
  let running: Promise<void>[];
  beforeEach(() => {
    index = new MemoryIndex();
    [counts, sweeps, running] = [[], [], []];
    const { deps } = protocolInstance(index);
    sweeper = new Sweeper({
      index: Object.assign(index, { countParked: () => Promise.resolve(index.parked.size) }),
      intervalMs: LONG_MS,
      run: (sweep) => {
        sweeps.push(performance.now());
        running.push(sweep());
      },
      project: (works) => projectBatch(works, deps),
      onCount: (count) => counts.push(count),
    });
  });
  afterEach(async () => {
    sweeper.stop();
    await Promise.all(running);
  });

  const swept = (times: number) => eventually(() => assert.equal(counts.length, times));

  it('drops, at the start, copies of what is applied, and keeps what waits for its predecessor', async () => {
    await projectBatch(worksOf('o', [1, 2, 5]), protocolInstance(index).deps);
    await index.park([{ orderId: 'o', event: eventAt(2), parkedAt: '2026-01-01T00:00:00.000Z' }]);
    sweeper.start();
    await swept(1);
    assert.deepEqual(
      [...index.parked.values()].map(({ event }) => event.sequence),
      [5],
    );
    assert.deepEqual(counts, [1]);
  });

  it('leaves no more than places of what is parked of an erased order', async () => {
    const erased = { ...eventAt(2), type: 'order.erased.v1', data: {} };
    await projectBatch(workOf([eventAt(1), erased].map((event) => jobOf('o', event))), protocolInstance(index).deps);
    await projectBatch(worksOf('p', [1]), protocolInstance(index).deps);
    // As a release did that did not know better.
    for (const orderId of ['o', 'p'])
      await index.park([{ orderId, event: eventAt(5), parkedAt: '2026-01-01T00:00:00.000Z' }]);
    sweeper.start();
    await swept(1);
    assert.deepEqual(
      [...index.parked.values()].map(({ orderId, event }) => [orderId, event.sequence, event.data]),
      [
        ['o', 5, {}],
        ['p', 5, eventAt(5).data],
      ],
    );
  });

  it('sweeps soon when it is asked to, however often only once', async () => {
    sweeper.start();
    await swept(1);
    for (let n = 0; n < 10; n++) sweeper.soon();
    await swept(2);
    const [first = 0, second = 0] = sweeps;
    assert.ok(second - first > 900, `${second - first} ms`);
    assert.equal(sweeps.length, 2);
  });

  it('sweeps once more when it is asked to while it sweeps, but no more than a tenth of the time', async () => {
    const DURATION_MS = 150;
    await projectBatch(worksOf('o', [2]), protocolInstance(index).deps);
    index.before = async () => {
      index.before = () => Promise.resolve();
      sweeper.soon();
      await new Promise((resolve) => setTimeout(resolve, DURATION_MS));
    };
    sweeper.start();
    await swept(2);
    const [first = 0, second = 0] = sweeps;
    assert.ok(second - first > DURATION_MS * 10, `${second - first} ms`);
  });

  it('goes on after an outage', async () => {
    let isAway = true;
    await projectBatch(worksOf('o', [2]), protocolInstance(index).deps);
    index.before = (step) => {
      if (isAway && step === 'registry') throw new IndexUnavailableError('away');
      return Promise.resolve();
    };
    sweeper.start();
    await eventually(() => assert.equal(sweeps.length, 1));
    await Promise.all(running);
    assert.deepEqual(counts, []);
    isAway = false;
    sweeper.soon();
    await swept(1);
  });

  it('does nothing any more once it is stopped', async () => {
    sweeper.start();
    await swept(1);
    sweeper.stop();
    sweeper.soon();
    await assert.rejects(eventually(() => assert.equal(sweeps.length, 2), 1_300));
  });

  it('ends with the page that it is at once it is stopped, however many there are', async () => {
    const parked = endlesslyParked();
    index.listParked = parked.listParked;
    sweeper.start();
    await eventually(() => assert.ok(parked.pages() > 2));
    sweeper.stop();
    await assert.rejects(Promise.all(running.splice(0)), Interrupted);
    assert.deepEqual(counts, []);
  });
});

describe('dueParked', () => {
  const parkedAt = '2026-01-01T00:00:00.000Z';
  /** Sizes of the pages that were asked for, and how many events came. */
  const pagesOf = async (events: number, tagLength: number) => {
    const index = new MemoryIndex();
    const tag = 'x'.repeat(tagLength);
    for (let n = 0; n < events; n++) {
      const event = { ...eventAt(2), data: { add: [tag], remove: [] } };
      await index.park([{ orderId: `o-${String(n).padStart(4, '0')}`, event, parkedAt }]);
    }
    const sizes: number[] = [];
    const listParked = index.listParked.bind(index);
    index.listParked = (page) => {
      sizes.push(page.size);
      return listParked(page);
    };
    for await (const works of dueParked(index, new AbortController().signal))
      assert.deepEqual(works, [], 'nothing is due');
    return sizes;
  };

  it('reads many small events at once', async () => {
    assert.deepEqual(await pagesOf(600, 10), [20, 500, 500, 500]);
  });

  it('reads few of those that are megabytes long, a single one at least', async () => {
    assert.deepEqual(await pagesOf(24, 3_000_000), [20, 2, 2, 2]);
    assert.deepEqual(await pagesOf(22, 9_000_000), [20, 1, 1, 1]);
  });
});
