#!/usr/bin/env node
// Runs the command line on a Node that strips types: this one if it does, else the one of the `node` package. Below `node_modules` none
// does: a package has it compiled.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { URL, fileURLToPath } from 'node:url';

const source = new URL('../src/cli.ts', import.meta.url);
const cli = existsSync(source) ? source : new URL('../dist/cli.js', import.meta.url);
const [major, minor] = process.versions.node.split('.').map(Number);

if (major > 22 || (major === 22 && minor >= 18)) {
  // Of what is imported from now on: that is most of a start. Not by its name, which an older Node does not know.
  module.enableCompileCache();
  await import(cli.href);
} else {
  const node = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // A Ctrl-C in a terminal reaches the child by itself; a signal to this process alone is passed on.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  child.on('error', (error) => {
    process.stderr.write(`cannot start ${node}: ${error.message}. Run npm install, or use Node 22.18 or newer\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}
