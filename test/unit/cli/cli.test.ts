import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

const CLI = new URL('../../../src/cli.ts', import.meta.url).pathname;

async function run(...args: string[]): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<number | null>((resolve) => void child.once('exit', resolve));
  const [exitCode, stdout, stderr] = await Promise.all([exited, text(child.stdout), text(child.stderr)]);
  return { exitCode, stdout, stderr };
}

describe('order-search', function () {
  this.slow(6_000);

  describe('when it is used wrongly', () => {
    it('ends with 2, not with the 1 of what failed', async () => {
      const wrong = [
        ['parked', 'repair', '--missing', 'history'],
        ['dead-letters', 'list', '--limit', 'x'],
        ['nonsense'],
      ];
      for (const args of wrong) {
        const { exitCode, stdout, stderr } = await run(...args);
        assert.deepEqual([exitCode, stdout], [2, ''], args.join(' '));
        assert.match(stderr, /^error: /);
      }
    });
  });

  describe('when it is asked for help', () => {
    it('ends with 0', async () => {
      const { exitCode, stdout } = await run('publish', '--help');
      assert.equal(exitCode, 0);
      assert.match(stdout, /^Usage: order-search publish/);
    });
  });
});
