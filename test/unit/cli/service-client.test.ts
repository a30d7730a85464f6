import assert from 'node:assert/strict';
import type { Command } from 'commander';
import type { CliContext } from '../../../src/cli/context.ts';
import { healthCommand } from '../../../src/cli/health-command.ts';
import { lagCommand } from '../../../src/cli/lag-command.ts';
import { rebuildCommand } from '../../../src/cli/rebuild-command.ts';
import { verifyCommand } from '../../../src/cli/verify-command.ts';
import { runCommand } from './running-command.ts';
import type { Run } from './running-command.ts';
import { withServer } from './with-server.ts';

describe('a command that asks the service', () => {
  describe('when it is interrupted', () => {
    const commands: readonly (readonly [(context: CliContext) => Command, ...string[]])[] = [
      [healthCommand],
      [lagCommand],
      [rebuildCommand, 'start'],
      [verifyCommand],
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

    it('likewise in the middle of an answer', async () => {
      const controller = new AbortController();
      const { exitCode, stderr } = await withServer(
        (_request, response) => {
          response.write('event: progress\ndata: {}\n\n');
          setImmediate(() => controller.abort());
        },
        (url): Promise<Run> => runCommand(verifyCommand, [], url, {}, controller.signal),
      );
      assert.deepEqual([exitCode, stderr], [130, 'interrupted before the service had answered\n']);
    });
  });
});
