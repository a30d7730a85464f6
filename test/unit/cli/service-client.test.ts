import assert from 'node:assert/strict';
import dns from 'node:dns';
import type { RequestListener } from 'node:http';
import type { LookupFunction } from 'node:net';
import { mock } from 'node:test';
import type { Command } from 'commander';
import type { CliContext } from '../../../src/cli/context.ts';
import { deadLettersCommand } from '../../../src/cli/dead-letters-command.ts';
import { healthCommand } from '../../../src/cli/health-command.ts';
import { lagCommand } from '../../../src/cli/lag-command.ts';
import { parkedCommand } from '../../../src/cli/parked-command.ts';
import { rebuildCommand } from '../../../src/cli/rebuild-command.ts';
import { verifyCommand } from '../../../src/cli/verify-command.ts';
import { runCommand } from './running-command.ts';
import type { Run } from './running-command.ts';
import { withServer } from './with-server.ts';

describe('a command that asks the service', () => {
  /** A service that refuses everything, for one reason. */
  const refusing =
    (status: number, detail: string): RequestListener =>
    (_request, response) =>
      void response
        .writeHead(status, { 'Content-Type': 'application/problem+json' })
        .end(JSON.stringify({ type: 'about:blank', title: 'Refused', status, detail }));

  describe('when the service refuses it', () => {
    it('ends with 2 for a wrong usage, and with 4 for what it will not do now', async () => {
      const commands = [
        [deadLettersCommand, 'list', '--order', 'o'.repeat(600)],
        [deadLettersCommand, 'replay', '--all'],
        [parkedCommand, 'list'],
        [parkedCommand, 'repair', '--all', '--missing', 'history'],
        [rebuildCommand, 'start'],
      ] as const;
      for (const [status, wanted] of [
        [400, 2],
        [409, 4],
      ] as const) {
        await withServer(refusing(status, 'not so'), async (url) => {
          for (const [commandOf, ...args] of commands) {
            const { exitCode, stdout, stderr } = await runCommand(commandOf, args, url);
            assert.deepEqual([exitCode, stdout, stderr], [wanted, '', `not so (${status} Refused)\n`], args.join(' '));
          }
        });
      }
    });
  });

  describe('when what is to be done takes long', () => {
    const REPAIRED = { orders: 1, found: 0, republished: 0, skipped: 0, ordersStillMissing: 0, stillMissing: [] };
    const LONG = [
      { commandOf: parkedCommand, args: ['repair', '--all', '--missing', 'history'], answer: REPAIRED },
      { commandOf: parkedCommand, args: ['repair', 'o-1', '--missing', 'history'], answer: REPAIRED },
      { commandOf: deadLettersCommand, args: ['replay', '--all'], answer: { replayed: 1, failed: [] } },
    ];

    afterEach(() => mock.restoreAll());

    for (const { commandOf, args, answer } of LONG) {
      it(`says after half an hour that it may still be done: ${args.join(' ')}`, async () => {
        const limits: number[] = [];
        const late = new AbortController();
        mock.method(AbortSignal, 'timeout', (ms: number) => {
          limits.push(ms);
          return late.signal;
        });
        const run = await withServer(
          () => late.abort(new DOMException('late', 'TimeoutError')),
          (url) => runCommand(commandOf, args, url),
        );
        assert.deepEqual([run.exitCode, run.stdout, limits], [3, '', [1_800_000]]);
        assert.match(
          run.stderr,
          /^the service at \S+ has not answered within 30 minutes\. It may still do it: see what has changed before you ask for it again\n$/,
        );
      });

      it(`is not kept from it by the time that fetch waits by itself: ${args.join(' ')}`, async () => {
        const tired = new AbortController();
        const { fetch } = globalThis;
        mock.method(globalThis, 'fetch', (url: URL, init: RequestInit) =>
          fetch(url, { ...init, signal: AbortSignal.any([init.signal ?? tired.signal, tired.signal]) }),
        );
        const run = await withServer(
          (_request, response) => {
            tired.abort();
            setImmediate(() => response.end(JSON.stringify(answer)));
          },
          (url) => runCommand(commandOf, args, url),
        );
        assert.deepEqual([run.exitCode, run.stderr], [0, '']);
      });
    }

    it('is asked with what it needs to know, and its refusal is told', async () => {
      const asked: unknown[] = [];
      const listener: RequestListener = (request, response) => {
        const { method, url, headers } = request;
        asked.push([method, url, headers.authorization, headers['content-type']]);
        refusing(409, 'a repair is running')(request, response);
      };
      const run = await withServer(listener, (url) =>
        runCommand(parkedCommand, ['repair', 'ö/1', '--missing', 'skip', '--token', 't'], url),
      );
      assert.deepEqual(asked, [['POST', '/admin/orders/%C3%B6%2F1/repair', 'Bearer t', 'application/json']]);
      assert.deepEqual([run.exitCode, run.stderr], [4, 'a repair is running (409 Refused)\n']);
    });
  });

  describe('when nothing answers', () => {
    const COMMANDS = [
      [lagCommand],
      [deadLettersCommand, 'replay', '--all'],
      [parkedCommand, 'repair', '--all', '--missing', 'history'],
    ] as const;
    /** Where nothing listens any more. */
    const closedUrl = () =>
      withServer(
        () => undefined,
        (url) => Promise.resolve(url),
      );

    afterEach(() => mock.restoreAll());

    for (const [commandOf, ...args] of COMMANDS) {
      it(`says why: ${[commandOf.name, ...args].join(' ')}`, async () => {
        const url = await closedUrl();
        const { exitCode, stderr } = await runCommand(commandOf, args, url);
        const why = `connect ECONNREFUSED ${new URL(url).host}`;
        assert.deepEqual([exitCode, stderr], [3, `the service at ${url} does not answer: ${why}\n`]);
      });

      it(`says it of each address that the host has: ${[commandOf.name, ...args].join(' ')}`, async () => {
        const { port } = new URL(await closedUrl());
        const addresses = ['127.0.0.1', '::1'].map((address, at) => ({ address, family: at === 0 ? 4 : 6 }));
        const lookup: LookupFunction = (_host, _options, found) => found(null, addresses);
        mock.method(dns, 'lookup', lookup);
        const { exitCode, stderr } = await runCommand(commandOf, args, `http://localhost:${port}`);
        assert.equal(exitCode, 3);
        assert.match(
          stderr,
          /^\S+ service at \S+ does not answer: connect E\w+ 127\S+, connect E\w+ ::1\S+( - .*)?\n$/,
        );
      });
    }
  });

  describe("when it prints strangers' text", () => {
    const HOSTILE = 'o-1\u001b[2J\u202e';
    const SHOWN = 'o-1\\u001b[2J\\u202e';

    it('leaves nothing in it that a terminal would obey: of a refusal', async () => {
      const run = await withServer(refusing(404, HOSTILE), (url) => runCommand(parkedCommand, ['list'], url));
      assert.deepEqual(run, { exitCode: 1, stdout: '', stderr: `${SHOWN} (404 Refused)\n` });
    });

    it('likewise of the orders that wait', async () => {
      const oldestParkedAt = '2026-03-01T10:00:00.000Z';
      const order = { orderId: HOSTILE, version: 1, missing: [[2, 2]], parked: 1, oldestParkedAt, gapped: true };
      const counts = { orders: 1, found: 0, republished: 0, skipped: 0, ordersStillMissing: 1 };
      await withServer(
        ({ method }, response) =>
          void response.end(
            JSON.stringify(
              method === 'GET'
                ? { items: [order], nextCursor: null }
                : { ...counts, stillMissing: [{ orderId: HOSTILE, missing: [[2, 2]] }] },
            ),
          ),
        async (url) => {
          const listed = await runCommand(parkedCommand, ['list'], url);
          assert.ok(listed.stdout.startsWith(`${SHOWN}  version 1, lacks 2; `), listed.stdout);
          const repaired = await runCommand(parkedCommand, ['repair', HOSTILE, '--missing', 'history'], url);
          assert.equal(repaired.stdout, `published 0 events again of 1 order\n${SHOWN}  still lacks 2\n`);
        },
      );
    });
  });

  describe('when it is given what no request can carry', () => {
    const unasked: RequestListener = () => assert.fail('it was asked');

    it('names the token, without showing it', async () => {
      for (const token of ['ab€', 'ab\ncd', 'ab cd']) {
        for (const args of [
          { flag: ['--token', token], env: {} },
          { flag: [], env: { ORDER_SEARCH_TOKEN: token } },
        ]) {
          const run = await withServer(unasked, (url) => runCommand(lagCommand, args.flag, url, { env: args.env }));
          assert.deepEqual([run.exitCode, run.stdout], [2, '']);
          assert.match(run.stderr, /^ORDER_SEARCH_TOKEN or --token \(value not shown\) is no bearer token: /);
        }
      }
    });

    it('names the address, without showing its password', async () => {
      const run = await runCommand(lagCommand, ['--url', 'http://u:secret@127.0.0.1:1'], '');
      assert.deepEqual([run.exitCode, run.stdout], [2, '']);
      assert.match(run.stderr, /^ORDER_SEARCH_URL or --url has a user or a password: use .* --token\n$/);
    });
  });

  describe('when it is interrupted', () => {
    const commands: readonly (readonly [(context: CliContext) => Command, ...string[]])[] = [
      [healthCommand],
      [lagCommand],
      [rebuildCommand, 'start'],
      [verifyCommand],
      [parkedCommand, 'repair', '--all', '--missing', 'history'],
    ];
    for (const [commandOf, ...args] of commands) {
      it(`says so, and ends with 130: ${[commandOf.name, ...args].join(' ')}`, async () => {
        const controller = new AbortController();
        const interrupt = (): void => controller.abort();
        const { exitCode, stdout, stderr } = await withServer(interrupt, (url) =>
          runCommand(commandOf, args, url, {}, controller.signal),
        );
        assert.deepEqual([exitCode, stdout, stderr], [130, '', 'interrupted before the service had answered\n']);
      });
    }

    for (const [commandOf, args, begun] of [
      [verifyCommand, [], 'event: progress\ndata: {}\n\n'],
      [parkedCommand, ['repair', '--all', '--missing', 'history'], '{"orders":'],
    ] as const) {
      it(`likewise in the middle of an answer: ${[commandOf.name, ...args].join(' ')}`, async () => {
        const controller = new AbortController();
        const { exitCode, stderr } = await withServer(
          (_request, response) => {
            response.write(begun);
            setImmediate(() => controller.abort());
          },
          (url): Promise<Run> => runCommand(commandOf, args, url, {}, controller.signal),
        );
        assert.deepEqual([exitCode, stderr], [130, 'interrupted before the service had answered\n']);
      });
    }
  });
});
