import assert from 'node:assert/strict';
import { indexNames } from '../../../../src/order-index/elasticsearch/names.ts';
import { actionsOf, readRegistry } from '../../../../src/order-index/elasticsearch/registry.ts';
import type { AliasTable } from '../../../../src/order-index/elasticsearch/registry.ts';

const names = indexNames('orders');
const table = (aliases: Readonly<Record<string, readonly string[]>>): AliasTable =>
  Object.fromEntries(
    Object.entries(aliases).map(([index, list]) => [
      index,
      { aliases: Object.fromEntries(list.map((alias) => [alias, {}])) },
    ]),
  );
const expectRegistry = (aliases: Readonly<Record<string, readonly string[]>>) => {
  const reading = readRegistry(names, table(aliases));
  assert.ok(reading.kind === 'registry', JSON.stringify(reading));
  return reading;
};

const THREE = {
  'orders-000003': ['orders-000003-w7'],
  'orders-000001': ['orders-000001-w7', 'orders-000001-w6'],
  'orders-000002': ['orders', 'orders-000002-w7', 'orders-epoch-7'],
};

describe('the registry in the aliases', () => {
  describe('when it is read', () => {
    it('says what is live and what is written to, the live one last', () => {
      const { registry } = expectRegistry(THREE);
      assert.equal(registry.epoch, 7);
      assert.deepEqual(registry.live, { generation: 'orders-000002', address: 'orders-000002-w7' });
      assert.deepEqual(
        registry.targets.map(({ address }) => address),
        ['orders-000001-w7', 'orders-000003-w7', 'orders-000002-w7'],
      );
    });

    it("takes no other service's aliases for its own", () => {
      const { registry } = expectRegistry({
        ...THREE,
        'orders-eu-000001': ['orders-eu', 'orders-eu-000001-w7', 'orders-eu-epoch-9'],
        'orders-parked': ['orders-parked-writes'],
      });
      assert.equal(registry.targets.length, 3);
      assert.equal(registry.epoch, 7);
    });

    it('is absent where there is neither alias nor marker', () => {
      assert.deepEqual(readRegistry(names, table({})), { kind: 'absent' });
      assert.deepEqual(readRegistry(names, table({ 'orders-000001': [] })), { kind: 'absent' });
    });

    for (const [name, aliases, problem] of [
      ['the name is an index', { orders: [] }, /"orders" is an index.*choose another PREFIX/],
      ['two are live', { ...THREE, 'orders-000003': ['orders'] }, /is on orders-000002 and orders-000003: take it off orders-000003 .*, since orders-000002 has orders-epoch-7$/],
      ['two are live without a marker', { 'orders-000001': ['orders'], 'orders-000002': ['orders'] }, /is on orders-000001 and orders-000002: take it off all but one/],
      ['a stranger is live', { x: ['orders'] }, /"x", which is no generation/],
      ['none is live', { 'orders-000001': ['orders-epoch-7', 'orders-000001-w7'] }, /is on no index: put it back on orders-000001, which has orders-epoch-7 \(/],
      ['none is live and a stranger has the marker', { x: ['orders-epoch-7'] }, /is on no index: put it back on the generation that was live/],
      ['the marker is gone', { 'orders-000001': ['orders', 'orders-000001-w7'] }, /exactly one alias "orders-epoch-N", and there is none/],
      ['there are two markers', { 'orders-000001': ['orders', 'orders-epoch-6', 'orders-epoch-7'] }, /orders-epoch-6 and orders-epoch-7/],
      ['the live one is not written to', { 'orders-000001': ['orders', 'orders-epoch-7', 'orders-000001-w6'] }, /lost its write alias "orders-000001-w7"/],
      ['a write alias is elsewhere', { ...THREE, x: ['orders-000001-w7'] }, /"orders-000001-w7" is on "x"/],
    ] as const) {
      it(`is misconfigured where ${name}, and names the remedy`, () => {
        const reading = readRegistry(names, table(aliases));
        assert.ok(reading.kind === 'misconfigured', JSON.stringify(reading));
        assert.match(reading.problem, problem);
      });
    }
  }); // prettier-ignore

  describe('when it is changed', () => {
    const { registry, aliases } = expectRegistry(THREE);

    it('removes every old name, which must be there, and adds every new one', () => {
      const actions = actionsOf(names, registry, aliases, {
        register: ['orders-000004'],
        unregister: ['orders-000001'],
      });
      assert.deepEqual(removed(actions), [
        'orders-000001-w7',
        'orders-000002-w7',
        'orders-000003-w7',
        'orders-epoch-7',
      ]);
      assert.deepEqual(added(actions), ['orders-000002-w8', 'orders-000003-w8', 'orders-000004-w8', 'orders-epoch-8']);
      assert.ok(actions.every((action) => 'add' in action || action.remove.must_exist));
    });

    it('moves the read alias in the same call', () => {
      const actions = actionsOf(names, registry, aliases, { live: 'orders-000003' });
      assert.deepEqual(
        actions.filter((action) => ('add' in action ? action.add : action.remove).alias === 'orders'),
        [
          { remove: { index: 'orders-000002', alias: 'orders', must_exist: true } },
          { add: { index: 'orders-000003', alias: 'orders' } },
        ],
      );
      const marker = actions.find((action) => 'add' in action && action.add.alias === 'orders-epoch-8');
      assert.ok(marker && 'add' in marker);
      assert.equal(marker.add.index, 'orders-000003');
    });
  });
});

type Actions = ReturnType<typeof actionsOf>;

function removed(actions: Actions): string[] {
  return actions.flatMap((action) => ('remove' in action ? [action.remove.alias] : [])).sort();
}

function added(actions: Actions): string[] {
  return actions.flatMap((action) => ('add' in action ? [action.add.alias] : [])).sort();
}
