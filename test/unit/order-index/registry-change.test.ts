import assert from 'node:assert/strict';
import type { Registry } from '../../../src/order-index/port.ts';
import { intended, isCarriedOut } from '../../../src/order-index/registry-change.ts';

const target = (generation: string) => ({ generation, address: `${generation}-w7` });

describe('a change of the registry', () => {
  const registry: Registry = {
    epoch: 7,
    live: target('orders-000002'),
    targets: ['orders-000001', 'orders-000003', 'orders-000002'].map(target),
  };

  describe('when it is planned', () => {
    it('never leaves the live one without being a write target', () => {
      assert.throws(() => intended(registry, { unregister: ['orders-000002'] }), /must stay a write target/);
      assert.throws(() => intended(registry, { live: 'orders-000009' }), /must stay a write target/);
      assert.deepEqual(intended(registry, { live: 'orders-000001', unregister: ['orders-000002'] }), {
        live: 'orders-000001',
        targets: ['orders-000001', 'orders-000003'],
      });
    });
  });

  describe('when it may have been made', () => {
    it('is carried out where everything is as it says', () => {
      assert.ok(
        isCarriedOut(registry, { register: ['orders-000003'], unregister: ['orders-000004'], live: 'orders-000002' }),
      );
      assert.ok(!isCarriedOut(registry, { register: ['orders-000004'] }));
      assert.ok(!isCarriedOut(registry, { unregister: ['orders-000003'] }));
      assert.ok(!isCarriedOut(registry, { live: 'orders-000003' }));
    });
  });
});
