import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { ALERTS_FILE, ALERT_TESTS_FILE, alerts, type Alert } from '../../support/operations-files.ts';
import { selectorsOf } from '../../support/promql.ts';
import { needsPromtool, promtool } from '../../support/promtool.ts';

/** What whoever installs it replaces, as the head of the file says. No domain below .example is anybody's. */
const RUNBOOKS = 'https://order-search.example/docs/runbooks.md';

interface Expectation {
  readonly alertname: string;
  readonly exp_alerts?: readonly unknown[];
}

describe('deploy/prometheus/alerts.yml', () => {
  const rules = alerts();

  it('has an alert for everything that an operator must be told of', () => {
    const told = rules.map(({ alert }) => alert.replace('OrderSearch', ''));
    const fresh = ['Lagging', 'Stale', 'AggregatesStale', 'Silent'];
    const complete = ['UpdateErrors', 'DeadLetters', 'EventsParked', 'OrdersGapped'];
    const running = ['BreakerOpen', 'RebuildStalled', 'NoRollupLeader', 'RequestsFail'];
    assert.deepEqual(told, [...fresh, ...complete, ...running]);
  });

  it('says what it is, how bad, and where to read on', () => {
    const headings = new Set(
      [...readFileSync('docs/runbooks.md', 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading),
    );
    for (const { alert, labels, annotations } of rules) {
      assert.match(labels['severity'] ?? '', /^(warning|critical)$/, alert);
      assert.ok((annotations['summary'] ?? '').length > 10, alert);
      assert.ok((annotations['description'] ?? '').length > 30, alert);
      assert.equal(annotations['runbook_url'], `${RUNBOOKS}#${alert.toLowerCase()}`);
      assert.ok(headings.has(alert), `docs/runbooks.md has no section ${alert}`);
    }
  });

  it('says how to put in where the runbooks are read, and that leaves none of the old address', () => {
    const text = readFileSync(ALERTS_FILE, 'utf8');
    const [, script = ''] = /^# {3}sed '(s\|.+\|)' alerts\.yml >\S+$/m.exec(text) ?? [];
    const { stdout } = spawnSync('sed', [script, ALERTS_FILE], { encoding: 'utf8' });
    const { groups } = parse(stdout) as { groups: { rules: Alert[] }[] };
    const addresses = groups.flatMap((group) => group.rules.map(({ annotations }) => annotations['runbook_url'] ?? ''));
    assert.equal(addresses.length, rules.length);
    for (const address of addresses) assert.match(address, /^https:\/\/YOUR\.HOST\/PATH\/docs\/runbooks\.md#\w+$/);
  });

  it('is PromQL that reads something', () => {
    for (const { alert, expr } of rules) assert.ok(selectorsOf(expr).length > 0, alert);
  });

  it('waits, so that nobody is woken by a single scrape', () => {
    for (const { alert, for: patience } of rules) assert.match(patience, /^[1-9]\d*m$/, alert);
  });

  describe('to promtool', () => {
    before(needsPromtool);

    it('is a file of rules', () => {
      const { isClean, output } = promtool('check', 'rules', ALERTS_FILE);
      assert.ok(isClean, output);
      assert.match(output, new RegExp(`SUCCESS: ${rules.length} rules found`));
    });

    it('fires when it should, and does not when it should not', () => {
      const { isClean, output } = promtool('test', 'rules', ALERT_TESTS_FILE);
      assert.ok(isClean, output);
    });
  });
});

describe('deploy/prometheus/alerts.test.yml', () => {
  it('has each alert both fire and stay quiet', () => {
    const file = parse(readFileSync(ALERT_TESTS_FILE, 'utf8')) as { tests: { alert_rule_test: Expectation[] }[] };
    const expectations = file.tests.flatMap((test) => test.alert_rule_test);
    for (const { alert } of alerts()) {
      const ofAlert = expectations.filter(({ alertname }) => alertname === alert);
      assert.ok(
        ofAlert.some(({ exp_alerts: expected = [] }) => expected.length > 0),
        `${alert} never fires`,
      );
      assert.ok(
        ofAlert.some(({ exp_alerts: expected = [] }) => expected.length === 0),
        `${alert} is never quiet`,
      );
    }
  });
});
