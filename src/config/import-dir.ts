import { accessSync, constants } from 'node:fs';
import type { Config } from '../config.ts';

/** One line, with the remedy. Undefined also for `ROLE=api`: rebuilds, which read from the folder, run in the projectors. */
export function importDirProblem({
  role,
  rebuild: { importDir },
}: Pick<Config, 'role' | 'rebuild'>): string | undefined {
  if (importDir === undefined || role === 'api') return undefined;
  try {
    // With the slash: a file is none.
    accessSync(`${importDir}/`, constants.R_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `IMPORT_DIR=${JSON.stringify(importDir)}: cannot be read (${(error as Error).message}); name a folder that the service may read`;
  }
}
