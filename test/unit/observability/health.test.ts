import assert from 'node:assert/strict';
import fc from 'fast-check';
import { PARTS, PART_STATES, combineHealth } from '../../../src/observability/health.ts';
import type { PartName, PartReport } from '../../../src/observability/health.ts';

const up: PartReport = { state: 'up' };

describe('combineHealth', () => {
  describe('when all parts are up', () => {
    it('is up and ready', () => {
      const report = combineHealth({ broker: up, index: up, projector: up, rebuild: up, aggregates: up });
      assert.equal(report.status, 'up');
      assert.equal(report.ready, true);
    });
  });

  describe('when a part says nothing', () => {
    it('names it as off, which harms nothing', () => {
      const report = combineHealth({ index: up });
      assert.deepEqual(report.parts.rebuild, { state: 'off', reason: 'not run by this instance' });
      assert.equal(report.status, 'up');
      assert.equal(report.ready, true);
    });
  });

  describe('when the broker is down', () => {
    it('is down, and yet ready: answers grow old, and say so', () => {
      const broker: PartReport = { state: 'down', reason: 'connection refused' };
      const report = combineHealth({ broker, index: up, projector: up });
      assert.equal(report.status, 'down');
      assert.equal(report.ready, true);
      assert.deepEqual(report.parts.broker, broker);
    });
  });

  describe('when the projector is down because something holds it up', () => {
    it('is down, and yet ready, and shows no more than the state and the reason', () => {
      const projector = { state: 'down', reason: 'held up for 100 s: no primary' } as const;
      const report = combineHealth({ broker: up, index: up, projector: { ...projector, isHeldUp: true } });
      assert.deepEqual([report.status, report.ready, report.parts.projector], ['down', true, projector]);
    });
  });

  for (const part of ['index', 'projector'] as const) {
    describe(`when the ${part} is down`, () => {
      it('is not ready', () => {
        const report = combineHealth({
          broker: up,
          index: up,
          projector: up,
          [part]: { state: 'down', reason: 'stuck' },
        });
        assert.equal(report.status, 'down');
        assert.equal(report.ready, false);
      });
    });
  }

  it('is never better than its worst part, and names every part, whatever they say', () => {
    const states = fc.constantFrom(...PART_STATES);
    const reports = fc.dictionary(
      fc.constantFrom<PartName>(...PARTS),
      states.map((state): PartReport => ({ state })),
    );
    const rank = { off: 0, up: 0, degraded: 1, down: 2 };
    fc.assert(
      fc.property(reports, (parts) => {
        const report = combineHealth(parts);
        assert.deepEqual(Object.keys(report.parts), [...PARTS]);
        assert.equal(rank[report.status], Math.max(...Object.values(report.parts).map((part) => rank[part.state])));
      }),
    );
  });
});
