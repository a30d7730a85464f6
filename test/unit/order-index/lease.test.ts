import assert from 'node:assert/strict';
import { createLease } from '../../../src/order-index/lease.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const EXPIRY_MS = 10_000;

describe('a lease', () => {
  let time = 0;
  const index = () => new MemoryControl();
  const leaseOf = (store: MemoryControl, instance: string) =>
    createLease({ index: store, name: 'rebuild', instance, expiryMs: EXPIRY_MS, clock: () => time });

  it('is held by one at a time, and renewed by that one', async () => {
    const store = index();
    const [a, b] = [leaseOf(store, 'a'), leaseOf(store, 'b')];
    assert.equal(await a.hold(), true);
    assert.equal(await b.hold(), false);
    assert.equal(await a.hold(), true);
  });

  it('stays with one that asks for it twice at once', async () => {
    const a = leaseOf(index(), 'a');
    await a.hold();
    assert.deepEqual(await Promise.all([a.hold(), a.hold(), a.hold()]), [true, true, true]);
  });

  it('is free as soon as it is released', async () => {
    const store = index();
    const [a, b] = [leaseOf(store, 'a'), leaseOf(store, 'b')];
    await a.hold();
    await b.release();
    assert.equal(await b.hold(), false);
    await a.release();
    assert.equal(await b.hold(), true);
  });

  it('is taken over once its holder has said nothing for its time, by the clock of whoever looks', async () => {
    const store = index();
    const [a, b] = [leaseOf(store, 'a'), leaseOf(store, 'b')];
    await a.hold();
    time += EXPIRY_MS * 5;
    // Seen for the first time: since when it stands still is not known.
    assert.equal(await b.hold(), false);
    time += EXPIRY_MS - 1;
    assert.equal(await b.hold(), false);
    time += 1;
    assert.equal(await b.hold(), true);
    assert.equal(await a.hold(), false);
  });

  it('is not taken over from one that goes on renewing it', async () => {
    const store = index();
    const [a, b] = [leaseOf(store, 'a'), leaseOf(store, 'b')];
    for (let beat = 0; beat < 10; beat++) {
      assert.equal(await a.hold(), true);
      assert.equal(await b.hold(), false);
      time += EXPIRY_MS - 1;
    }
  });

  it('is had by one of two that take it over at once', async () => {
    const store = index();
    const [a, b, c] = [leaseOf(store, 'a'), leaseOf(store, 'b'), leaseOf(store, 'c')];
    await a.hold();
    await Promise.all([b.hold(), c.hold()]);
    time += EXPIRY_MS;
    assert.deepEqual((await Promise.all([b.hold(), c.hold()])).sort(), [false, true]);
  });

  it('goes on where its holder was started again under the same name', async () => {
    const store = index();
    await leaseOf(store, 'a').hold();
    assert.equal(await leaseOf(store, 'a').hold(), true);
  });
});
