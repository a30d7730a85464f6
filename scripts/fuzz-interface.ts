/**
 * `npm run fuzz [-- SCHEMATHESIS OPTIONS]`: holds a running service to its own OpenAPI document, longer than the tests do: against the
 * embedded default, and against RabbitMQ and Elasticsearch where they answer (`scripts/services up`).
 */
import { spawnSync } from 'node:child_process';
import { fuzzEmbedded, fuzzServices, installSchemathesis } from '../test/support/schemathesis.ts';
import type { Fuzzed } from '../test/support/schemathesis.ts';

const SERVICES = 'scripts/services';
const OPTIONS = ['--max-examples', '25', ...process.argv.slice(2)];

function tell({ isClean, output }: Fuzzed): void {
  console.log(output);
  if (!isClean) process.exitCode = 1;
}

await installSchemathesis();
console.log('── the embedded default');
tell(await fuzzEmbedded(OPTIONS));
if (spawnSync(SERVICES, ['status'], { stdio: 'inherit' }).status === 0) {
  console.log('── RabbitMQ and Elasticsearch');
  tell(await fuzzServices(OPTIONS));
}
