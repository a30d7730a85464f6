import type { RootHookObject } from 'mocha';

const PATIENCE_MS = 10_000;

/**
 * After the last test nothing may keep the process alive: no open connection, timer or child. The timer itself does not keep it
 * alive, so it fires only where something else does.
 */
export const mochaHooks: RootHookObject = {
  afterAll() {
    setTimeout(() => {
      const open = process.getActiveResourcesInfo().filter((name) => name !== 'Timeout' && name !== 'PipeWrap');
      console.error(`The tests have left something open: ${open.join(', ') || 'a timer'}`);
      process.exit(1);
    }, PATIENCE_MS).unref();
  },
};
