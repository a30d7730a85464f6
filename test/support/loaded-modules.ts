import { existsSync, readFileSync } from 'node:fs';
import type { Environment } from './running-service.ts';

/** Run before everything else in the process: writes the URL of each module that is loaded. */
const RECORDER = `
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
registerHooks({
  load(url, context, next) {
    appendFileSync(process.env.LOADED_MODULES, url + '\\n');
    return next(url, context);
  },
});`;

/** What a process of Node is to be started with, so that {@link modulesIn} tells which modules it has loaded. */
export function recordingModules(file: string): Environment {
  return {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(RECORDER)}`,
    LOADED_MODULES: file,
  };
}

/** URLs, in the order of their loading. @throws Error where nothing was recorded */
export function modulesIn(file: string): readonly string[] {
  if (!existsSync(file)) throw new Error('the process has recorded no modules');
  return readFileSync(file, 'utf8').split('\n');
}
