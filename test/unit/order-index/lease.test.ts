import assert from 'node:assert/strict';
import { createLease } from '../../../src/order-index/lease.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const EXPIRY_MS = 10_000;
const RENEW_MS = 1_000;

describe('a lease', () => {
  let time = 0;
  const index = () => new MemoryControl();
  const leaseOf = (store: MemoryControl, instance: string) =>
    createLease({
      ...{ index: store, name: 'rebuild', instance, expiryMs: EXPIRY_MS, renewMs: RENEW_MS },
      clock: () => time,
    });

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

  it('goes on soon where its holder was started again under the same name', async () => {
    const store = index();
    await leaseOf(store, 'a').hold();
    const again = leaseOf(store, 'a');
    assert.equal(await again.hold(), false);
    time += 2 * RENEW_MS - 1;
    assert.equal(await again.hold(), false);
    time += 1;
    assert.equal(await again.hold(), true);
  });

  it('goes on at once where its holder was started again after it had released it', async () => {
    const store = index();
    const before = leaseOf(store, 'a');
    await before.hold();
    await before.release();
    assert.equal(await leaseOf(store, 'a').hold(), true);
  });

  it('is held by one of two processes that have the same name, for as long as that one renews it', async () => {
    const store = index();
    const [a, twin] = [leaseOf(store, 'a'), leaseOf(store, 'a')];
    for (let beat = 0; beat < 20; beat++) {
      assert.deepEqual([await a.hold(), await twin.hold()], [true, false]);
      await twin.release();
      time += RENEW_MS;
    }
  });
});
