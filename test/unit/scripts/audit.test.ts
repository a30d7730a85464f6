import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

const SCRIPT = new URL('../../../scripts/audit.ts', import.meta.url).pathname;

describe('scripts/audit.ts', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-audit-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** With an npm that says that. */
  function audited(says: string, exitCode: number): { code: number | null; output: string } {
    writeFileSync(join(folder, 'says'), says);
    writeFileSync(
      join(folder, 'npm'),
      `#!/bin/sh\necho "$@" >'${folder}/asked'\ncat '${folder}/says'\nexit ${exitCode}\n`,
    );
    chmodSync(join(folder, 'npm'), 0o755);
    const PATH = [folder, process.env['PATH']].join(delimiter);
    const { status, stdout } = spawnSync(process.execPath, [SCRIPT], { encoding: 'utf8', env: { PATH } });
    return { code: status, output: stdout };
  }

  const vulnerable = (severity: string) =>
    JSON.stringify({ auditReportVersion: 2, vulnerabilities: { lantern: { severity, range: '<1.2.3' } } });

  it('is content with a clean report', () => {
    const { code, output } = audited(JSON.stringify({ auditReportVersion: 2, vulnerabilities: {} }), 0);
    assert.equal(code, 0);
    assert.match(output, /^0 of the packages/);
  });

  for (const severity of ['high', 'critical']) {
    it(`fails where something ${severity} is known, and names it`, () => {
      const { code, output } = audited(vulnerable(severity), 1);
      assert.equal(code, 1);
      assert.match(output, new RegExp(`^${severity}: lantern <1\\.2\\.3$`, 'm'));
    });
  }

  it('names what is less severe, and does not fail', () => {
    const { code, output } = audited(vulnerable('moderate'), 1);
    assert.equal(code, 0);
    assert.match(output, /^moderate: lantern /m);
  });

  for (const [when, says, reason] of [
    ['refuses to answer', JSON.stringify({ message: 'Method Not Allowed', statusCode: 405 }), 'answers with 405'],
    ['cannot be reached', 'npm error network', 'does not answer'],
  ] as const) {
    it(`says that nothing was audited where the registry ${when}, and does not fail for it`, () => {
      const { code, output } = audited(says, 1);
      assert.equal(code, 0);
      assert.ok(output.startsWith(`not audited: the registry ${reason} `), output);
    });
  }
});
