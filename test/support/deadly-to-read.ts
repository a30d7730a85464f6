import { messageOf } from './drain.ts';
import type { Environment } from './running-service.ts';

/** Of a service that is killed as soon as it parses such a message; see `dies-of-reading.ts`. */
export const DIES_OF_READING: Environment = {
  NODE_OPTIONS: `--import=${new URL('dies-of-reading.ts', import.meta.url).href}`,
};

/** A message that kills it. */
export const DEADLY_MESSAGE = messageOf('{"subject":"deadly to read"}');
