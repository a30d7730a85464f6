/**
 * `npm test [SUITE…] [-- MOCHA OPTIONS]`: starts what the tests talk to, runs the suites in parts, some of them at a time, measures
 * the coverage of all but the e2e and fault tests together, tells which files took longest, and closes with one line for all:
 * `N passed, N failed`. A part that crashes or does not end, coverage under the floor and (in CI) a missing service count as a failure
 * each.
 */
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import ts from 'typescript';
import { MINUTE_MS, run } from './run-command.ts';
import {
  brokenOff,
  COVERAGE_DATA,
  jobsOf,
  runJob,
  SERVICES,
  specsOf,
  SUITE_NAMES,
  sumOf,
  type Job,
  type Outcome,
  type Service,
  type Suite,
} from './suite.ts';

const SLOWEST_FILES = 15;
/** In the minutes of a test run a second compiler would cost Elasticsearch more than it saves, and so would flushing to a disk. */
const FOR_MINUTES = ['--es-short-lived', '--in-memory'];

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
    const { end } = await run('scripts/services', ['up', service, ...FOR_MINUTES], { limitMs: 10 * MINUTE_MS });
    if (end !== 0) missing.push(service);
    else if (!wasOurs && (await isOurs(service))) started.push(service);
  }
  return { started, missing };
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
function parseArguments(args: readonly string[]): { suites: readonly Suite[]; mochaOptions: string[] } {
  const mochaOptions = args.filter((arg) => arg.startsWith('-'));
  const names = args.filter((arg) => !arg.startsWith('-'));
  const unknown = names.find((name) => !(SUITE_NAMES as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`No such suite: ${unknown}; there are ${SUITE_NAMES.join(', ')}`);
  return { suites: names.length > 0 ? (names as Suite[]) : SUITE_NAMES, mochaOptions };
}

type Services = Awaited<ReturnType<typeof startServices>>;

interface Lane {
  /** It takes jobs of these, of the first one that has any left. */
  readonly suites: readonly Suite[];
  readonly inBackground: boolean;
}

/**
 * Three at once, since each waits for services, browsers and outages for a third of its time. One of them takes the fault tests, so that
 * their drains do not compete with each other, until the others have nothing else left. The unit tests begin while the services are
 * started.
 */
const LANES: readonly Lane[] = [
  { suites: ['contract', 'integration', 'e2e', 'faults'], inBackground: false },
  { suites: ['faults', 'contract', 'integration', 'e2e'], inBackground: true },
  { suites: ['unit', 'e2e', 'faults'], inBackground: true },
];

/** Takes one job after the other until there are none left. */
async function runLane(
  { suites, inBackground }: Lane,
  jobs: Set<Job>,
  services: Promise<Services>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (process.exitCode !== 130) {
    const [job] = suites.flatMap((suite) => [...jobs].filter((one) => one.suite === suite));
    if (job === undefined) break;
    jobs.delete(job);
    try {
      const specs = specsOf(job, job.suite === 'unit' ? [] : (await services).missing);
      if (specs.length > 0 && process.exitCode !== 130) outcomes.push(await runJob(job, specs, inBackground));
    } catch (error) {
      // The other lanes go on, and are waited for.
      outcomes.push(brokenOff(job.suite, `could not be run: ${String(error)}`));
    }
  }
  return outcomes;
}

function tellSlowest(tookMs: Readonly<Record<string, number>>): void {
  const slowest = Object.entries(tookMs).sort(([, one], [, other]) => other - one);
  console.log('\nThe files that took longest:');
  for (const [file, ms] of slowest.slice(0, SLOWEST_FILES)) {
    console.log(`${(ms / 1000).toFixed(0).padStart(5)} s  ${file}`);
  }
}

async function main(args: readonly string[]): Promise<Outcome> {
  const { suites, mochaOptions } = parseArguments(args);
  const complete = args.length === 0;
  const inCi = process.env['CI'] === 'true';
  rmSync(COVERAGE_DATA, { recursive: true, force: true });
  mkdirSync(COVERAGE_DATA, { recursive: true });
  const needed = suites.some((suite) => suite !== 'unit');
  const services = needed ? startServices() : Promise.resolve({ started: [], missing: [] });
  const jobs = new Set(jobsOf(suites, mochaOptions));
  const outcome = sumOf((await Promise.all(LANES.map((lane) => runLane(lane, jobs, services)))).flat());
  const { started, missing } = await services;
  let failed = outcome.failed + (inCi ? missing.length : 0);
  for (const service of started) {
    await run('scripts/services', ['down', service], { limitMs: 2 * MINUTE_MS, quiet: true });
  }
  if (complete && missing.length === 0 && process.exitCode !== 130) failed += await coverageFailures();
  tellSlowest(outcome.tookMs);
  if (missing.length > 0) console.error(`Not run without ${missing.join(' and ')}: what needs them`);
  return { ...outcome, failed };
}

const { passed, failed, failures } = await main(process.argv.slice(2));
if (failed > 0 || passed === 0) process.exitCode = 1;
for (const { title, error } of failures) console.error(`FAILED: ${title}\n${error}\n`);
console.log(`${passed} passed, ${failed} failed`);
