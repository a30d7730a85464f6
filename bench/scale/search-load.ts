import { eventually } from '../../test/support/eventually.ts';
import type { TestBackend } from '../../test/support/test-backend.ts';
import { queryKinds } from '../search/kinds.ts';
import { ask, measure, measureWhile, type Measured } from '../search/load.ts';
import type { Leftovers } from '../support/leftovers.ts';
import { startOwnService, type OwnService } from '../support/own-service.ts';

const WARM_UP_SECONDS = 2;

/** Of a service that only answers. */
export interface SearchLoad {
  /** Searches of all kinds by turns, so many clients, for a while (after a warm-up). */
  measure(clients: number, seconds: number): Promise<Measured>;
  measureWhile(goesOn: () => boolean, clients: number): Promise<Measured>;
  stop(): Promise<void>;
}

export async function startSearchLoad(
  leftovers: Leftovers,
  { environment }: TestBackend,
  orderIds: readonly string[],
): Promise<SearchLoad> {
  const own = { ROLE: 'api', RATE_LIMIT_PER_MINUTE: '0' };
  const service: OwnService = await startOwnService(leftovers, { ...environment, ...own });
  await eventually(() => ask(`${service.url}/search?size=1`));
  const kinds = queryKinds(orderIds);
  const search = (nth: number) => ask(`${service.url}${kinds[nth % kinds.length]?.address(nth) ?? ''}`);
  return {
    measure: async (clients, seconds) => {
      await measure(clients, WARM_UP_SECONDS, search);
      return await measure(clients, seconds, search);
    },
    measureWhile: (goesOn, clients) => measureWhile(goesOn, clients, search),
    stop: () => service.stop(),
  };
}
