/**
 * `npm test [SUITE…] [-- MOCHA OPTIONS]`: starts what the tests talk to, runs the suites, two processes at a time, measures the
 * coverage of all of them together, and closes with one line for all: `N passed, N failed`. A suite that crashes or does not end,
 * coverage under the floor and (in CI) a missing service count as a failure each.
 */
import { spawn } from 'node:child_process';
import { closeSync, globSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';

const MINUTE_MS = 60_000;
/** In the order of their run; none may hang longer than this. */
const SUITES = { unit: 5, contract: 10, integration: 10, e2e: 15, faults: 20 } as const;
type Suite = keyof typeof SUITES;
const SERVICES = { rabbitmq: 'AMQP_URL', elasticsearch: 'ELASTICSEARCH_URL', postgresql: 'POSTGRES_URL' } as const;
type Service = keyof typeof SERVICES;
const COVERAGE_DATA = 'coverage/tmp';

interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Told again at the end: a log of CI is read from there. */
  readonly failures: readonly Failure[];
}

interface Failure {
  readonly title: string;
  readonly error: string;
}

interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly end: number | NodeJS.Signals | null;
  readonly tookMs: number;
}

interface RunOptions {
  readonly limitMs: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly quiet?: boolean;
  /** Where its output goes, instead of the terminal. */
  readonly logFile?: string;
}

/** Runs a command to its end; beyond `limitMs` its whole process group is killed. */
async function run(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { limitMs, env, quiet = false, logFile } = options;
  const startedMs = performance.now();
  const output = logFile === undefined ? (quiet ? 'ignore' : 'inherit') : openSync(logFile, 'w');
  const child = spawn(command, args, {
    stdio: ['ignore', output, output],
    detached: true,
    env: { ...process.env, ...env },
  });
  const killGroup = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  };
  const interrupt = (): void => {
    killGroup('SIGTERM');
    process.exitCode = 130;
  };
  const limit = setTimeout(killGroup, limitMs, 'SIGKILL');
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const { promise, resolve, reject } = Promise.withResolvers<number | NodeJS.Signals | null>();
  child.once('error', reject).once('exit', (code, signal) => resolve(signal ?? code));
  try {
    return { end: await promise, tookMs: performance.now() - startedMs };
  } finally {
    clearTimeout(limit);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (typeof output === 'number') closeSync(output);
  }
}

/** Whether this checkout's scripts/services runs it: one that was there already is used, and left alone. */
async function isOurs(service: Service): Promise<boolean> {
  return (await run('scripts/services', ['pids', service], { limitMs: MINUTE_MS, quiet: true })).end === 0;
}

/** The services that had to be started for this run, and those that could not be. Given by URL, a service is the caller's. */
async function startServices(): Promise<{ started: Service[]; missing: Service[] }> {
  const started: Service[] = [];
  const missing: Service[] = [];
  for (const service of Object.keys(SERVICES) as Service[]) {
    if (process.env[SERVICES[service]] !== undefined) continue;
    const wasOurs = await isOurs(service);
    const { end } = await run('scripts/services', ['up', service], { limitMs: 10 * MINUTE_MS });
    if (end !== 0) missing.push(service);
    else if (!wasOurs && (await isOurs(service))) started.push(service);
  }
  return { started, missing };
}

/**
 * Without RabbitMQ or Elasticsearch only the unit tests and the specs named `….embedded.test.ts` can run; without PostgreSQL all but those
 * named `….postgresql.test.ts`.
 */
function specsOf(suite: Suite, missing: readonly Service[]): string[] {
  const isBare = missing.some((service) => service !== 'postgresql') && suite !== 'unit';
  const specs = globSync(`test/${suite}/**/${isBare ? '*.embedded.test.ts' : '*.test.ts'}`).sort();
  return missing.includes('postgresql') ? specs.filter((spec) => !spec.endsWith('.postgresql.test.ts')) : specs;
}

interface Report {
  readonly passes: number;
  readonly failures: number;
  readonly failed: readonly Failure[];
  readonly ended: boolean;
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined; // Killed, or ended before the first test.
  }
}

/** `inBackground`: what it prints is told at its end. */
async function runSuite(
  suite: Suite,
  specs: readonly string[],
  mochaOptions: readonly string[],
  inBackground = false,
): Promise<Counts> {
  const headline = `\n── ${suite} ${'─'.repeat(100 - suite.length)}`;
  if (!inBackground) console.log(headline);
  const folder = mkdtempSync(join(tmpdir(), 'order-search-test-'));
  const file = join(folder, 'counts.json');
  const reporter = ['--reporter', './scripts/counting-reporter.cjs', '--reporter-option', `file=${file}`];
  const env = { NODE_V8_COVERAGE: COVERAGE_DATA };
  const mocha = ['node_modules/mocha/bin/mocha.js', ...reporter, ...mochaOptions, ...specs];
  const logFile = join(folder, 'output.log');
  const limitMs = SUITES[suite] * MINUTE_MS;
  const { end, tookMs } = await run(process.execPath, mocha, { limitMs, env, ...(inBackground && { logFile }) });
  if (inBackground) console.log(`${headline}\n${readFileSync(logFile, 'utf8')}`);
  const report = readReport(file);
  rmSync(folder, { recursive: true });
  console.log(`${suite}: ${(tookMs / 1000).toFixed(0)} s`);
  return countsOf(suite, report, end);
}

function countsOf(suite: Suite, report: Report | undefined, end: Ended['end']): Counts {
  const failed = report?.failures ?? 0;
  // Mocha's exit code is the number of failures; anything else is a suite that broke off or left something open.
  const broken = report?.ended !== true || (end !== 0 && failed === 0);
  const failures = [...(report?.failed ?? [])];
  if (broken) failures.push({ title: `the suite ${suite}`, error: `did not end well: ${end ?? 'no exit code'}` });
  return { passed: report?.passes ?? 0, failed: failed + (broken ? 1 : 0), failures };
}

/** Such a file never runs: what imports it imports types. */
function hasOnlyTypes(file: string): boolean {
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ESNext,
      verbatimModuleSyntax: true,
      removeComments: true,
    },
  });
  return outputText.trim() === 'export {};' || outputText.trim() === '';
}

async function coverageFailures(): Promise<number> {
  const exclude = globSync('src/**/*.ts')
    .filter(hasOnlyTypes)
    .flatMap((file) => ['--exclude', file]);
  const c8 = ['node_modules/c8/bin/c8.js', 'report', ...exclude];
  const { end } = await run(process.execPath, c8, { limitMs: 5 * MINUTE_MS });
  return end === 0 ? 0 : 1;
}

/** Splits `unit contract --grep x` into the suites and mocha's options. Options that take a value are written `--name=value`. */
function parseArguments(args: readonly string[]): { suites: Suite[]; mochaOptions: string[] } {
  const mochaOptions = args.filter((arg) => arg.startsWith('-'));
  const names = args.filter((arg) => !arg.startsWith('-'));
  const unknown = names.find((name) => !(name in SUITES));
  if (unknown !== undefined) throw new Error(`No such suite: ${unknown}; there are ${Object.keys(SUITES).join(', ')}`);
  return { suites: (names.length > 0 ? names : Object.keys(SUITES)) as Suite[], mochaOptions };
}

/** These take longest: as halves they leave neither lane with much more to do than the other. */
const HALVED: readonly Suite[] = ['e2e', 'faults'];

interface Job {
  readonly suite: Suite;
  /** Which of its specs, by their place in the list of all. */
  readonly has: (index: number) => boolean;
}

function jobsOf(suites: readonly Suite[]): Job[] {
  return suites.flatMap((suite) =>
    HALVED.includes(suite)
      ? [0, 1].map((half) => ({ suite, has: (index: number) => index % 2 === half }))
      : [{ suite, has: () => true }],
  );
}

type Services = Awaited<ReturnType<typeof startServices>>;

/** Takes one job after the other until there are none left. The unit tests need no services, and begin while these are started. */
async function runLane(
  jobs: Job[],
  services: Promise<Services>,
  mochaOptions: readonly string[],
  inBackground: boolean,
): Promise<Counts[]> {
  const all: Counts[] = [];
  for (let job = jobs.shift(); job; job = jobs.shift()) {
    const { suite, has } = job;
    const missing = suite === 'unit' ? [] : (await services).missing;
    const specs = specsOf(suite, missing).filter((_, index) => has(index));
    if (process.exitCode === 130) break;
    if (specs.length > 0) all.push(await runSuite(suite, specs, mochaOptions, inBackground));
  }
  return all;
}

/**
 * Two at once, in their order: one waits for services, browsers and outages most of the time, and the other has a core to itself. A third
 * one would leave the drains of the fault tests none.
 */
async function runSuites(
  suites: readonly Suite[],
  services: Promise<Services>,
  mochaOptions: readonly string[],
): Promise<Counts> {
  const jobs = jobsOf(suites);
  const lanes = [false, true].map((inBackground) => runLane(jobs, services, mochaOptions, inBackground));
  const all = (await Promise.all(lanes)).flat();
  const sum = (count: (counts: Counts) => number) => all.reduce((total, counts) => total + count(counts), 0);
  return {
    passed: sum((counts) => counts.passed),
    failed: sum((counts) => counts.failed),
    failures: all.flatMap(({ failures }) => failures),
  };
}

async function main(args: readonly string[]): Promise<Counts> {
  const { suites, mochaOptions } = parseArguments(args);
  const complete = args.length === 0;
  const inCi = process.env['CI'] === 'true';
  rmSync(COVERAGE_DATA, { recursive: true, force: true });
  mkdirSync(COVERAGE_DATA, { recursive: true });
  const needed = suites.some((suite) => suite !== 'unit');
  const services = needed ? startServices() : Promise.resolve({ started: [], missing: [] });
  const counts = await runSuites(suites, services, mochaOptions);
  const { started, missing } = await services;
  let failed = counts.failed + (inCi ? missing.length : 0);
  for (const service of started) {
    await run('scripts/services', ['down', service], { limitMs: 2 * MINUTE_MS, quiet: true });
  }
  if (complete && missing.length === 0 && process.exitCode !== 130) failed += await coverageFailures();
  if (missing.length > 0) console.error(`Not run without ${missing.join(' and ')}: what needs them`);
  return { ...counts, failed };
}

const { passed, failed, failures } = await main(process.argv.slice(2));
if (failed > 0 || passed === 0) process.exitCode = 1;
for (const { title, error } of failures) console.error(`FAILED: ${title}\n${error}\n`);
console.log(`${passed} passed, ${failed} failed`);
