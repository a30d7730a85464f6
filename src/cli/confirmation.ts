import { createInterface } from 'node:readline';
import { EXIT, type CliContext, type ExitCode } from './context.ts';

export type Confirmation = 'confirmed' | 'declined' | 'nobody to ask';

/**
 * Has someone at a terminal type a word, so that nothing that hurts is done in passing. Ctrl-C, Ctrl-D and any other word decline.
 * Where nobody can be asked, a script must say beforehand that it means it.
 */
export async function confirm(
  question: string,
  word: string,
  { stdin, stderr, interrupted }: CliContext,
): Promise<Confirmation> {
  if (stdin.isTTY !== true) return 'nobody to ask';
  stderr.write(`${question}\nType ${word} to go on: `);
  // Not `terminal`: it would take Ctrl-C for itself.
  const lines = createInterface({ input: stdin, terminal: false, signal: interrupted });
  try {
    for await (const line of lines) return line.trim() === word ? 'confirmed' : 'declined';
    stderr.write('\n');
    return 'declined';
  } finally {
    lines.close();
  }
}

/** What is told of what was declined. */
export function unchanged({ stderr, interrupted }: CliContext): ExitCode {
  stderr.write('nothing was changed\n');
  return interrupted.aborted ? EXIT.interrupted : EXIT.refused;
}
