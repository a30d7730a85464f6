import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { dashboard, expressionsOf } from '../../support/operations-files.ts';
import { selectorsOf, withoutVariables } from '../../support/promql.ts';
import { needsPromtool, promtool } from '../../support/promtool.ts';

const WIDTH = 24;

describe('deploy/grafana/order-search.json', () => {
  const { panels, title, uid } = dashboard();
  const charts = panels.filter(({ type }) => type !== 'row');

  it('has a name, an id to link to, and a title and an explanation on every panel', () => {
    assert.equal(title, 'Order Search');
    assert.equal(uid, 'order-search');
    assert.ok(charts.length >= 20);
    for (const { title: ofPanel, description = '', targets = [] } of charts) {
      assert.ok(ofPanel.length > 0);
      assert.ok(description.length > 0, ofPanel);
      assert.ok(targets.length > 0, ofPanel);
    }
  });

  it('gives each panel an id and a place of its own', () => {
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    const taken = new Set<string>();
    for (const { title: ofPanel, gridPos: at } of panels) {
      assert.ok(at.x + at.w <= WIDTH, ofPanel);
      for (let x = at.x; x < at.x + at.w; x++) {
        for (let y = at.y; y < at.y + at.h; y++) {
          assert.ok(!taken.has(`${x},${y}`), `${ofPanel} lies on another one`);
          taken.add(`${x},${y}`);
        }
      }
    }
  });

  it('asks in PromQL, of the chosen job only', () => {
    for (const expression of expressionsOf(dashboard())) {
      const selected = selectorsOf(withoutVariables(expression));
      assert.ok(selected.length > 0, expression);
      for (const { labels } of selected) assert.ok(labels.includes('job'), expression);
    }
  });

  describe('to promtool', () => {
    before(needsPromtool);

    it('asks what can be evaluated', () => {
      const folder = mkdtempSync(join(tmpdir(), 'order-search-dashboard-'));
      try {
        const rules = expressionsOf(dashboard()).map((expression, index) => ({
          record: `panel:${index}`,
          expr: withoutVariables(expression),
        }));
        writeFileSync(join(folder, 'panels.yml'), stringify({ groups: [{ name: 'panels', rules }] }));
        const { isClean, output } = promtool('check', 'rules', join(folder, 'panels.yml'));
        assert.ok(isClean, output);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});
