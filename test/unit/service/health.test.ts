import assert from 'node:assert/strict';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { serviceHealth, type HealthSources, type SharedKnowledge } from '../../../src/service/health.ts';

describe('the health of the service', () => {
  const healthOf = (role: 'api' | 'projector', shared: Partial<SharedKnowledge>, isIndexOpen = true) => {
    const up = () => Promise.resolve({ state: 'up' });
    const sources = {
      ...{ config: { role }, waitingFor: undefined, isIndexOpen },
      backends: {
        broker: { health: () => ({ state: 'up' }) },
        index: { health: up, countDeadLetters: () => Promise.resolve(0), countParked: () => Promise.resolve(3) },
      },
      ...{ rebuilding: { health: up }, aggregating: { health: up } },
      ...(role === 'projector' && { projector: { health: () => ({ state: 'up' }) } }),
    } as unknown as HealthSources;
    return serviceHealth(sources, {
      freshness: () => Promise.resolve({ asOf: new Date().toISOString(), lagSeconds: 0 }),
      silentOthers: () => Promise.resolve([]),
      ...shared,
    });
  };

  describe('when another projector has died', () => {
    const silentOthers = () => {
      const saidLastAt = Date.now() - 79_000;
      return Promise.resolve([{ id: 'vm:4201', saidLastAt, waitedForUntil: Date.UTC(2026, 0, 1) }]);
    };

    for (const [role, part] of [
      ['projector', 'projector'],
      ['api', 'index'],
    ] as const) {
      it(`says why answers grow older, and stays in service: ${role}`, async () => {
        const { status, ready, parts } = await healthOf(role, { silentOthers });
        assert.deepEqual([status, ready, parts[part].state], ['degraded', true, 'degraded']);
        assert.match(
          parts[part].reason ?? '',
          /^answers grow older: the projector vm:4201 has said nothing for (79|8\d) s, .* until 2026-01-01T00:00:00.000Z$/,
        );
      });
    }
  });

  describe('when the index has not answered since the start', () => {
    it('says of what only the index knows that nothing is known, and not that it is not run', async () => {
      const { ready, parts } = await healthOf('projector', {}, false);
      assert.equal(ready, false);
      assert.deepEqual(parts.rebuild, { state: 'degraded', reason: 'nothing is known of rebuilds' });
      assert.deepEqual(parts.aggregates, { state: 'degraded', reason: 'nothing is known of the aggregates' });
    });
  });

  describe('when all is well, or nothing is known of the others', () => {
    it('says how many events are parked, also where no projector runs', async () => {
      assert.equal((await healthOf('api', {})).parts['index'].details?.['parkedEvents'], 3);
    });

    it('is up', async () => {
      const silentOthers = () => Promise.reject(new IndexUnavailableError('away'));
      for (const role of ['api', 'projector'] as const) {
        assert.equal((await healthOf(role, {})).status, 'up');
        assert.equal((await healthOf(role, { silentOthers })).status, 'up');
      }
    });
  });
});
