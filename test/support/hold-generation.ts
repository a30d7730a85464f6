/**
 * A process of its own that is amid a rebuild's steps, says so, and stays there until it is killed. Arguments: the index
 * ({@link IndexAddress} as JSON), the step.
 */
import { openedAt } from './backends.ts';
import type { IndexAddress } from './backends.ts';
import { registerGeneration } from './second-generation.ts';

// Nothing else keeps the process alive.
process.stdin.resume();
const [, , address = '', step = ''] = process.argv;
const index = await openedAt(JSON.parse(address) as IndexAddress);
if (step === 'created') await index.generations.create(2);
else {
  const { registry } = await registerGeneration(index, 2);
  if (step === 'frozen') await index.generations.freeze(registry.live.generation);
}
process.stdout.write('there\n');
// A database that nobody can reach any more is closed, and its lock is gone.
process.once('SIGTERM', () => void index.close());
