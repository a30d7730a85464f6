/**
 * `npm run audit`: whether something is known against what the service runs with, by `npm audit`. Ends with 1 where that is of severity
 * high or critical, otherwise with 0: also where nobody can be asked (not every registry that serves packages serves audits), but then it
 * says so.
 */
import { spawnSync } from 'node:child_process';

/** Of `npm audit --json`; `statusCode` where the registry refused to answer. */
interface Report {
  readonly auditReportVersion?: number;
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
  readonly statusCode?: number;
}

const SEVERE: readonly string[] = ['high', 'critical'];

function reportOf(output: string): Report {
  try {
    return JSON.parse(output) as Report;
  } catch {
    return {}; // npm itself failed; what it said is at standard error.
  }
}

const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
});
const { auditReportVersion, vulnerabilities = {}, statusCode } = reportOf(stdout);
if (auditReportVersion === undefined) {
  const answer = statusCode === undefined ? 'does not answer' : `answers with ${statusCode}`;
  console.log(`not audited: the registry ${answer} when it is asked (docs/hardening.md)`);
} else {
  const known = Object.entries(vulnerabilities);
  for (const [name, { severity, range }] of known) console.log(`${severity}: ${name} ${range}`);
  console.log(`${known.length} of the packages that the service runs with have known vulnerabilities`);
  if (known.some(([, { severity }]) => SEVERE.includes(severity))) process.exitCode = 1;
}
