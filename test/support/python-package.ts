import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

export interface Ended {
  /** The exit code; null after a signal. */
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command to its end; what it has printed. */
export async function ended(command: string, args: readonly string[], folder = '.'): Promise<Ended> {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => void output.push(text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output: output.join('') };
}

/** A command line tool of PyPI, whose command has the package's name. */
export interface PythonPackage {
  readonly name: string;
  readonly version: string;
}

const environmentOf = ({ name }: PythonPackage): string => join('node_modules/.cache', name);

/** Where its command is, once it is installed. */
export function commandOf(tool: PythonPackage): string {
  return resolve(environmentOf(tool), 'bin', tool.name);
}

/** From PyPI, into a virtual environment under node_modules. @throws Error with one line that says what it lacks */
export async function installPythonPackage(tool: PythonPackage): Promise<void> {
  const { name, version } = tool;
  const environment = environmentOf(tool);
  const installed = join(environment, version);
  if (existsSync(installed)) return;
  const steps: [string, readonly string[]][] = [
    ['python3', ['-m', 'venv', '--clear', environment]],
    [join(environment, 'bin', 'pip'), ['install', '--quiet', '--retries', '2', '--no-compile', `${name}==${version}`]],
  ];
  for (const [command, args] of steps) {
    const { code, output } = await ended(command, args).catch((error: unknown) => ({
      code: -1,
      output: String(error),
    }));
    const line = output.trim().split('\n').at(-1) ?? '';
    if (code !== 0) throw new Error(`no ${name} ${version}: ${[command, ...args].join(' ')}: ${line}`);
  }
  writeFileSync(installed, '');
}
