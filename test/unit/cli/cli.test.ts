import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, type FileHandle } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { rebuildView } from '../http/rebuild-views.ts';
import { withServer } from './with-server.ts';

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

  describe('when nobody reads any more', () => {
    let processed = 0;
    const answer: RequestListener = (_request, response) =>
      void response.end(JSON.stringify(rebuildView({ processed: (processed += 1) })));

    it('of what it prints, ends quietly, also while it follows', async () => {
      await withServer(answer, async (url) => {
        const args = ['rebuild', 'start', '--follow', '--json', '--url', url];
        const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
        child.stdout.once('data', () => child.stdout.destroy());
        const [end, stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
        assert.deepEqual([end, stderr], [[141, null], '']);
      });
    });

    it('of what it says beside it, does its work all the same', async () => {
      await withServer(
        (_request, response) => void response.writeHead(403).end('{}'),
        async (url) => {
          const args = ['rebuild', 'list', '--url', url];
          const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
          child.stderr.destroy();
          assert.deepEqual(await once(child, 'exit'), [2, null]);
        },
      );
    });
  });

  describe('when the disk is full', () => {
    let full: FileHandle;
    before(async () => {
      full = await open('/dev/full', 'w');
    });
    after(() => full.close());

    it('to which its output goes, says so in one line, and has failed', async () => {
      await withServer(
        (_request, response) => void response.end(JSON.stringify(rebuildView({ processed: 1 }))),
        async (url) => {
          const args = ['rebuild', 'start', '--json', '--url', url];
          const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', full.fd, 'pipe'] });
          assert.ok(child.stderr);
          const [end, stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)]);
          assert.deepEqual(end, [1, null]);
          assert.match(stderr, /^the output cannot be written: ENOSPC[^\n]*\n$/);
        },
      );
    });

    it('to which goes what it says beside it, does its work all the same', async () => {
      await withServer(
        (_request, response) => void response.writeHead(403).end('{}'),
        async (url) => {
          const args = ['rebuild', 'list', '--url', url];
          const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', full.fd] });
          assert.deepEqual(await once(child, 'exit'), [2, null]);
        },
      );
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
