#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { backOffMs } from './back-off/back-off.ts';
import { createRabbitMqBroker } from './broker/rabbitmq/rabbitmq-broker.ts';
import type { Broker } from './broker/port.ts';
import type { Tracing } from './observability/tracing.ts';
import type { BrokerSettings } from './cli/broker-settings.ts';
import { rabbitMqOptions } from './config/rabbitmq-options.ts';
import { EXIT } from './cli/context.ts';
import type { CliContext } from './cli/context.ts';
import { generationsCommand } from './cli/generations-command.ts';
import { healthCommand } from './cli/health-command.ts';
import { lagCommand } from './cli/lag-command.ts';
import { parkedCommand } from './cli/parked-command.ts';
import { deadLettersCommand } from './cli/dead-letters-command.ts';
import { publishCommand } from './cli/publish-command.ts';
import { rebuildCommand } from './cli/rebuild-command.ts';
import { verifyCommand } from './cli/verify-command.ts';

const RETRY = { firstMs: 100, capMs: 2_000 };

function createBroker(
  { urls, caPem, config }: BrokerSettings,
  warn: (message: string) => void,
  tracing: Tracing | undefined,
): Broker {
  return createRabbitMqBroker({
    ...rabbitMqOptions(config, urls, caPem),
    // What is there already is the service's, and a producer may not declare it.
    declares: 'if-absent',
    tracing,
    log: {
      info: () => undefined,
      // The command says itself that the connection is lost.
      warn: (fields, message) => {
        if (!('connection' in fields)) warn('reason' in fields ? `${message}: ${String(fields.reason)}` : message);
      },
      error: (fields, message) => {
        warn('reason' in fields ? `${message}: ${String(fields.reason)}` : message);
      },
    },
  });
}

/** Aborts at the first Ctrl-C; the second one ends the process at once. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      controller.abort();
    });
  }
  return controller.signal;
}

/**
 * Whoever reads standard output has seen enough: what was only shown is left off, like with `head`. What cannot be written there for
 * another reason, on a disk that is full say, has failed. Without a standard error the work goes on, and says nothing.
 */
function endWithItsReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.unread);
    process.stderr.write(`the output cannot be written: ${error.message}\n`);
    process.exit(EXIT.failed);
  });
  process.stderr.on('error', () => undefined);
}

endWithItsReader();
// The same path from where it is compiled to.
const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };
const context: CliContext = {
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  interrupted: interruption(),
  createBroker,
  backOffMs: (attempt) => backOffMs(attempt, RETRY),
  setExitCode: (code) => {
    process.exitCode = code;
  },
};

/** Commander would end the process itself, with 1 for a wrong usage: the same as for what failed. */
async function runCommand(command: Command): Promise<void> {
  throwOnWrongUsage(command);
  try {
    await command.parseAsync();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.misconfigured;
  }
}

function throwOnWrongUsage(command: Command): void {
  command.exitOverride();
  command.commands.forEach(throwOnWrongUsage);
}

const program = new Command('order-search')
  .description('publish order events, and operate the order search')
  .version(version)
  .addCommand(publishCommand(context))
  .addCommand(deadLettersCommand(context))
  .addCommand(parkedCommand(context))
  .addCommand(rebuildCommand(context))
  .addCommand(generationsCommand(context))
  .addCommand(healthCommand(context))
  .addCommand(lagCommand(context))
  .addCommand(verifyCommand(context));
await runCommand(program);
