import { startService, type Environment, type RunningService } from '../../test/support/running-service.ts';
import type { Leftovers } from './leftovers.ts';

export interface OwnService extends RunningService {
  /** At the latest the end of the bench does so. */
  stop(): Promise<void>;
}

/** Like {@link startService}; it ends with the bench, also where that is interrupted while it starts. */
export async function startOwnService(leftovers: Leftovers, environment: Environment): Promise<OwnService> {
  const { promise: started, resolve, reject } = Promise.withResolvers<RunningService>();
  const stop = leftovers.add(async () => {
    // One that has not started has ended.
    const service = await started.catch(() => undefined);
    await service?.stop();
  });
  startService(environment).then(resolve, reject);
  return { ...(await started), stop };
}
