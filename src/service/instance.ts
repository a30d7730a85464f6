import { hostname } from 'node:os';
import type { Config } from '../config.ts';

/** The same after a restart: whatever had the name before is dead then. The embedded default is one process at a time anyway. */
export function instanceOf(config: Config): string {
  return config.backend.kind === 'embedded' ? 'embedded' : rebuilderOf(config);
}

/** The same after a restart, so that a rebuild goes on soon: whoever listened there before is dead. */
export function rebuilderOf({ http: { host, port } }: Config): string {
  return `${hostname()}/${host}:${port === 0 ? `0/${process.pid}` : port}`;
}
