import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { topologyOf } from '../../../src/broker/rabbitmq/topology.ts';

/** The rows of the tables, by variable: what each says in the last column. */
function documented(): ReadonlyMap<string, string> {
  const rows = readFileSync('docs/configuration.md', 'utf8').matchAll(/^\| (`[A-Z][^|]*) \|.*\| ([^|]+) \|$/gm);
  return new Map(
    Array.from(rows).flatMap(([, names = '', later = '']) =>
      Array.from(names.matchAll(/`([A-Z_]+)`/g), ([, name = '']) => [name, later.trim()] as const),
    ),
  );
}

function variables(): string[] {
  const names = readFileSync('src/config.ts', 'utf8').matchAll(/^ {2}([A-Z][A-Z_]+):/gm);
  return Array.from(names, ([, name = '']) => name);
}

describe('docs/configuration.md', () => {
  it('has every variable of the configuration, and no other', () => {
    assert.deepEqual([...documented().keys()].sort(), variables().sort());
  });

  it('says of what is declared in RabbitMQ whether a change of it is refused or only warned of', () => {
    const { queues } = topologyOf({
      ...{ prefix: 'orders', exchange: 'orders', bindingKeys: ['order.#'], singleActiveConsumer: true },
      ...{ deliveryLimit: 50, historyMaxAge: '30D', historyMaxBytes: 1_000_000 },
    });
    const fixed = queues.flatMap(({ settings, mayDiffer }) =>
      Object.entries(settings).map(([argument, name]) => ({ name, mayDiffer: mayDiffer.includes(argument) })),
    );
    assert.equal(fixed.length, 4);
    for (const { name, mayDiffer } of fixed) {
      const expected = mayDiffer ? '**ignored with a warning**' : '**refused**';
      assert.ok(documented().get(name)?.startsWith(expected), `${name}: ${documented().get(name)}`);
    }
  });
});
