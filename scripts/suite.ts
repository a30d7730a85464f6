import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MINUTE_MS, run, type Ended } from './run-command.ts';

/** Where the processes leave what they have covered. */
export const COVERAGE_DATA = 'coverage/tmp';
/** In how many parts each runs, and how many minutes one of these may take: three times what it takes on two processors. */
const SUITES = {
  unit: { parts: 2, limitMinutes: 10 },
  contract: { parts: 2, limitMinutes: 15 },
  integration: { parts: 2, limitMinutes: 15 },
  e2e: { parts: 6, limitMinutes: 20 },
  faults: { parts: 8, limitMinutes: 20 },
} as const;
export type Suite = keyof typeof SUITES;
/** They go through next to nothing that the others do not, and start so many processes that counting costs them a tenth of their time. */
const UNCOVERED: readonly Suite[] = ['e2e', 'faults'];
export const SUITE_NAMES = Object.keys(SUITES) as readonly Suite[];

/** What the tests talk to, each with the variable that names one of the caller's instead. */
export const SERVICES = {
  rabbitmq: 'AMQP_URL',
  elasticsearch: 'ELASTICSEARCH_URL',
  postgresql: 'POSTGRES_URL',
} as const;
export type Service = keyof typeof SERVICES;

/** A process of mocha with every n-th file of a suite. */
export interface Job {
  readonly suite: Suite;
  /** From 0 on. */
  readonly part: number;
  readonly parts: number;
  readonly mochaOptions: readonly string[];
}

export interface Failure {
  readonly title: string;
  readonly error: string;
}

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** Told again at the end: a log of CI is read from there. */
  readonly failures: readonly Failure[];
  /** Of each file: its suites with their hooks. */
  readonly tookMs: Readonly<Record<string, number>>;
}

/** With options of mocha's, such as `--grep`, a suite is not divided: a part with no test would fail. */
export function jobsOf(suites: readonly Suite[], mochaOptions: readonly string[]): Job[] {
  return suites.flatMap((suite) => {
    const parts = mochaOptions.length > 0 ? 1 : SUITES[suite].parts;
    return Array.from({ length: parts }, (_, part) => ({ suite, part, parts, mochaOptions }));
  });
}

/**
 * Without RabbitMQ or Elasticsearch only the unit tests and the specs named `….embedded.test.ts` can run; without PostgreSQL all but those
 * named `….postgresql.test.ts`.
 */
export function specsOf({ suite, part, parts }: Job, missing: readonly Service[]): string[] {
  const isBare = missing.some((service) => service !== 'postgresql') && suite !== 'unit';
  const specs = globSync(`test/${suite}/**/${isBare ? '*.embedded.test.ts' : '*.test.ts'}`).sort();
  const runnable = missing.includes('postgresql')
    ? specs.filter((spec) => !spec.endsWith('.postgresql.test.ts'))
    : specs;
  return runnable.filter((_, index) => index % parts === part);
}

interface Report {
  readonly passes: number;
  readonly failures: number;
  readonly failed: readonly Failure[];
  readonly ended: boolean;
  /** That the process was about to end with. */
  readonly exitCode: number;
  readonly tookMs: Readonly<Record<string, number>>;
}

function readReport(file: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return undefined; // Killed, or ended before the first test.
  }
}

/** `inBackground`: what it prints is told at its end. */
export async function runJob(job: Job, specs: readonly string[], inBackground: boolean): Promise<Outcome> {
  const name = job.parts === 1 ? job.suite : `${job.suite} ${job.part + 1}/${job.parts}`;
  const headline = `\n── ${name} ${'─'.repeat(100 - name.length)}`;
  if (!inBackground) console.log(headline);
  const folder = mkdtempSync(join(tmpdir(), 'order-search-test-'));
  const file = join(folder, 'counts.json');
  const reporter = ['--reporter', './scripts/counting-reporter.cjs', '--reporter-option', `file=${file}`];
  const env = UNCOVERED.includes(job.suite) ? {} : { NODE_V8_COVERAGE: COVERAGE_DATA };
  const mocha = ['node_modules/mocha/bin/mocha.js', ...reporter, ...job.mochaOptions, ...specs];
  const logFile = join(folder, 'output.log');
  const limitMs = SUITES[job.suite].limitMinutes * MINUTE_MS * (SUITES[job.suite].parts / job.parts);
  // It is written as the process exits.
  const isOver = () => existsSync(file);
  const { end, tookMs } = await run(process.execPath, mocha, {
    limitMs,
    env,
    isOver,
    ...(inBackground && { logFile }),
  });
  if (inBackground) console.log(`${headline}\n${readFileSync(logFile, 'utf8')}`);
  const report = readReport(file);
  rmSync(folder, { recursive: true });
  console.log(`${name}: ${(tookMs / 1000).toFixed(0)} s`);
  return outcomeOf(name, report, end);
}

function outcomeOf(name: string, report: Report | undefined, end: Ended['end']): Outcome {
  if (!report) return brokenOff(name, `did not end well: ${end ?? 'no exit code'}`);
  const { passes, failures, failed, ended, exitCode, tookMs } = report;
  // Node itself hung in its own end, once in some dozen runs: nothing of ours runs then any more.
  const lingered = end === 'SIGKILL';
  if (lingered) console.log(`${name}: its process was over, did not go away, and was killed`);
  const code = lingered ? exitCode : end;
  // Mocha's exit code is the number of failures; anything else is a suite that broke off or left something open.
  const isBroken = !ended || (code !== 0 && failures === 0);
  const whole = { passed: passes, failed: failures, failures: failed, tookMs };
  return isBroken ? sumOf([whole, brokenOff(name, `did not end well: ${code ?? 'no exit code'}`)]) : whole;
}

/** Counts as a failure of its own. */
export function brokenOff(name: string, error: string): Outcome {
  return { passed: 0, failed: 1, failures: [{ title: `the suite ${name}`, error }], tookMs: {} };
}

export function sumOf(outcomes: readonly Outcome[]): Outcome {
  return {
    passed: outcomes.reduce((sum, { passed }) => sum + passed, 0),
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    failures: outcomes.flatMap(({ failures }) => failures),
    tookMs: Object.assign({}, ...outcomes.map(({ tookMs }) => tookMs)) as Record<string, number>,
  };
}
