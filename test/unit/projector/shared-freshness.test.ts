import assert from 'node:assert/strict';
import { farewell, silentOthers, type FreshnessRecord } from '../../../src/projector/shared-freshness.ts';

const NOW = Date.UTC(2026, 0, 1, 12);

describe('silentOthers', () => {
  const said = (secondsAgo: number) => ({ settledTo: NOW, at: NOW - secondsAgo * 1_000, returnedAt: 0 });
  const silent = (instances: FreshnessRecord['instances']) =>
    silentOthers({ asOf: NOW, instances }, 'own', NOW, 10_000).map(({ id }) => id);

  it('names those that have said nothing for some beats, until they are given up', () => {
    assert.deepEqual(silent({ own: said(90), well: said(2), killed: said(20), late: said(129), gone: said(131) }), [
      'killed',
      'late',
    ]);
  });

  it('leaves out one that has left in good order', () => {
    assert.deepEqual(silent({ left: farewell(NOW - 60_000, 0) }), []);
  });

  it('says since when, and until when it is waited for', () => {
    const [killed] = silentOthers({ asOf: NOW, instances: { killed: said(20) } }, 'own', NOW, 10_000);
    assert.deepEqual(killed, { id: 'killed', saidLastAt: NOW - 20_000, waitedForUntil: NOW + 110_000 });
  });
});
