import { enableCompileCache } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import type { AppDependencies } from '../../src/app.ts';

/**
 * The service as `src/main.ts` starts it, with a fault point: `ORDER_SEARCH_FAULT_POINT=STEP[#N]:kill` ends the process with SIGKILL when
 * the projector, a rebuild or an aggregate's refresh reaches that step (the Nth time), and `STEP[#N]:stall=MS` holds it there.
 */

type Reached = NonNullable<AppDependencies['reached']>;

/** As long as `src/main.ts` gives what is in hand. */
const STOP_LIMIT_MS = 10_000;
const CLOSE_GRACE_MS = 1_000;

function faultPoint(text = ''): Reached {
  const match = /^([a-zA-Z_ -]+?)(?:#(\d+))?:(?:(kill)|stall=(\d+))$/.exec(text);
  if (!match)
    throw new Error(`ORDER_SEARCH_FAULT_POINT=${JSON.stringify(text)}: use STEP[#N]:kill or STEP[#N]:stall=MS`);
  const [, step, nth = '1', kill, stallMs] = match;
  let left = Number(nth);
  return async (reached) => {
    if (reached !== step || (left -= 1) !== 0) return;
    if (kill) process.kill(process.pid, 'SIGKILL');
    await delay(Number(stallMs ?? 0));
  };
}

enableCompileCache();
const [{ createApp }, { readConfig }, { createLogger }] = await Promise.all([
  import('../../src/app.ts'),
  import('../../src/config.ts'),
  import('../../src/observability/logging.ts'),
]);
const read = readConfig(process.env);
if (!read.ok) throw new Error(read.problems.join('\n'));
const app = await createApp(read.config, {
  log: createLogger(read.config.logLevel),
  certificateAuthorities: { amqp: undefined, elasticsearch: undefined },
  reached: faultPoint(process.env['ORDER_SEARCH_FAULT_POINT']),
});
process.once('SIGTERM', () => {
  // What is held at its step does not end by itself.
  setTimeout(() => process.exit(0), STOP_LIMIT_MS + CLOSE_GRACE_MS).unref();
  void app.close(STOP_LIMIT_MS).then(() => process.exit(0));
});
try {
  await app.start();
} catch (error) {
  // It was stopped while it started.
  if ((error as Error).name !== 'AbortError') throw error;
}
