import type { RebuildRollups } from '../../src/rebuild/state.ts';

const DONE = { isDone: true, generation: '', processed: 0, total: 0, pulse: '' };

/** Of a service without aggregates: nothing is ever to be waited for. */
export const NO_AGGREGATES: RebuildRollups = {
  derivation: (orders) => Promise.resolve({ ...DONE, generation: orders }),
  rebuild: () => Promise.reject(new Error('there are no aggregates')),
  pause: () => Promise.resolve(),
  withdraw: () => Promise.resolve(),
};
