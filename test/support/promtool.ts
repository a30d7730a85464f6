import { spawnSync } from 'node:child_process';
import type { Context } from 'mocha';

const SCRIPT = new URL('../../scripts/promtool', import.meta.url).pathname;
/** Of `scripts/promtool`, where there is none to be had. */
const UNAVAILABLE = 69;

export interface Checked {
  readonly isClean: boolean;
  readonly output: string;
}

/** Runs Prometheus' promtool; what it says. */
export function promtool(...args: string[]): Checked {
  const { status, stdout, stderr } = spawnSync(SCRIPT, args, { encoding: 'utf8' });
  return { isClean: status === 0, output: stdout + stderr };
}

/** Before the tests that need it: fetches it where there is none, and leaves them out where it cannot be had. CI must have it. */
export function needsPromtool(this: Context): void {
  this.timeout(120_000);
  const { status, stderr } = spawnSync(SCRIPT, ['--version'], { encoding: 'utf8' });
  if (status === 0) return;
  if (status !== UNAVAILABLE || process.env['CI'] === 'true') throw new Error(stderr);
  console.log(`      (not run: ${stderr.trim()})`);
  this.skip();
}
