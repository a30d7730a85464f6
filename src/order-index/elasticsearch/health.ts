import type { Client } from '@elastic/elasticsearch';
import type { PartHealth } from '../../observability/health.ts';
import { IndexUnavailableError } from '../port.ts';
import { LOST_INDICES, lostIndices } from '../lost-indices.ts';
import type { Breaker } from './breaker.ts';
import { READ } from './client.ts';
import type { Control } from './control.ts';
import { NewerCodeError, unavailable } from './errors.ts';
import type { ElasticsearchGenerations } from './generations.ts';
import type { IndexNames } from './names.ts';

export interface HealthSources {
  readonly client: Client;
  readonly names: IndexNames;
  readonly generations: ElasticsearchGenerations;
  readonly writes: Breaker;
  readonly searches: Breaker;
  readonly control: Control;
}

type State = PartHealth['state'];
interface Finding {
  readonly state: State;
  readonly reason: string;
}

const WORST_FIRST: readonly State[] = ['down', 'degraded', 'up'];

/** The worst of what is found, with every reason; never throws during an outage. */
export async function indexHealth(sources: HealthSources): Promise<PartHealth> {
  const breakers = { writes: sources.writes.state(), searches: sources.searches.state() };
  const findings = breakerFindings(sources);
  let details: Record<string, unknown> = { backend: 'elasticsearch', breakers };
  try {
    const cluster = await clusterHealth(sources);
    findings.push(...cluster.findings, ...(cluster.isControlThere ? await lossFindings(sources) : []));
    const { epoch, live, targets } = await sources.generations.registry();
    const drift = await sources.generations.drift();
    details = {
      ...details,
      ...drift,
      cluster: cluster.status,
      epoch,
      generation: live.generation,
      targets: targets.map(({ generation }) => generation),
    };
  } catch (error) {
    if (!(error instanceof IndexUnavailableError)) throw error;
    // Newer code writes: this instance must not, and answers readers all the same.
    findings.push({ state: error instanceof NewerCodeError ? 'degraded' : 'down', reason: error.message });
  }
  const state = WORST_FIRST.find((candidate) => findings.some((finding) => finding.state === candidate)) ?? 'up';
  const reason = findings.map((finding) => finding.reason).join('; ');
  return { state, ...(reason !== '' && { reason }), details };
}

/**
 * Half-open, what is asked is tried: whether it gets through is said by the rest of the findings. While only writes are held back, readers
 * are answered: what they are told gets older, and says so.
 */
function breakerFindings({ writes, searches }: HealthSources): Finding[] {
  const told = (what: string, breaker: Breaker, openState: State): Finding[] => {
    const state = breaker.state();
    if (state === 'closed') return [];
    const after = `circuit breaker after: ${breaker.lastOutage()}`;
    return state === 'open'
      ? [{ state: openState, reason: `${what} are held back by their ${after}` }]
      : [{ state: 'degraded', reason: `${what} are being tried again by their ${after}` }];
  };
  const held = writes.refusesLooks() ? 'down' : 'degraded';
  return [...told('writes', writes, held), ...told('searches', searches, 'degraded')];
}

/** What was in a technical index stays lost, though it is there again. */
async function lossFindings({ names, control }: HealthSources): Promise<Finding[]> {
  const lost = await lostIndices(control);
  const end = `delete the document ${LOST_INDICES} from ${names.control}`;
  return lost.map(({ index, content, at }) => {
    const { gone, remedy } = LOSSES[content];
    return {
      state: 'degraded',
      reason: `${index} was lost and made anew at ${at}, without ${gone}: ${remedy}, ${end}`,
    };
  });
}

const LOSSES = {
  parked: {
    gone: 'events that waited there for earlier ones',
    remedy: 'rebuild from the history (POST /admin/rebuilds {"source": "history"}), or, where that is of no use',
  },
  'dead-letters': {
    gone: 'the dead letters in it',
    remedy:
      'see what was refused in the logs ("dead-lettered"), publish again what is needed, and once no other index is named as lost',
  },
};

interface ClusterHealth {
  readonly status: string;
  readonly findings: Finding[];
  readonly isControlThere: boolean;
}

/** Of our own indices. A missing one makes the answer red and is not listed in it. */
async function clusterHealth({ client, names }: HealthSources): Promise<ClusterHealth> {
  const technical = [names.parked, names.deadLetters, names.control];
  try {
    const { indices = {} } = await client.cluster.health(
      { index: [names.alias, ...technical], level: 'indices', timeout: '0s' },
      { ...READ, ignore: [408] },
    );
    const findings = technical
      .filter((index) => !indices[index])
      .map((index): Finding => ({ state: 'degraded', reason: `${index} is missing` }));
    for (const [index, { status, unassigned_shards }] of Object.entries(indices)) {
      const shards = `${unassigned_shards} shard${unassigned_shards === 1 ? '' : 's'} without a node`;
      if (isStatus(status, 'red')) findings.push({ state: 'down', reason: `${index} is red: ${shards}` });
      if (isStatus(status, 'yellow')) findings.push({ state: 'degraded', reason: `${index} is yellow: ${shards}` });
    }
    const all = Object.values(indices);
    const status = (['red', 'yellow'] as const).find((colour) => all.some((index) => isStatus(index.status, colour)));
    return { status: status ?? 'green', findings, isControlThere: indices[names.control] !== undefined };
  } catch (thrown) {
    throw unavailable('the health of Elasticsearch', thrown);
  }
}

/** The answer may write it in capitals. */
function isStatus(status: string, colour: 'red' | 'yellow'): boolean {
  return status.toLowerCase() === colour;
}
