import { withoutQuotedValues } from '../observability/quoted-values.ts';
import type { ControlRecord, OrderIndex } from './port.ts';

type Diverging = Pick<OrderIndex, 'registry' | 'generations' | 'readControl' | 'writeControl'>;

/**
 * Takes a generation out of the write targets, for good: it lacks a write from now on, so nobody may swap to it. The reason is kept
 * without what it quotes of an order, which would outlive the order's erasure. Durable when it
 * resolves, so that the write may be acknowledged. Does nothing where it is no target any more.
 * @throws IndexUnavailableError
 * @throws Error for the live generation, a bug
 */
export async function diverge(index: Diverging, generation: string, reason: string): Promise<void> {
  // First why, then that: whoever finds it gone can say why.
  await recordDivergence(index, generation, reason);
  for (;;) {
    const { epoch, live, targets } = await index.registry();
    if (live.generation === generation) throw new Error(`the live generation ${generation} cannot diverge`);
    if (!targets.some((target) => target.generation === generation)) return;
    const { kind } = await index.generations.renameEpoch(epoch, { unregister: [generation] });
    if (kind === 'moved') return;
  }
}

/** Why a generation is no longer written to; undefined where it is not known. @throws IndexUnavailableError */
export async function divergenceOf(
  index: Pick<OrderIndex, 'readControl'>,
  generation: string,
): Promise<string | undefined> {
  return reasonIn(await index.readControl(recordId(generation)));
}

/** For a new generation that has the name of one that was dropped. @throws IndexUnavailableError */
export async function forgetDivergence(
  index: Pick<OrderIndex, 'readControl' | 'writeControl'>,
  generation: string,
): Promise<void> {
  const id = recordId(generation);
  for (;;) {
    const record = await index.readControl(id);
    if (reasonIn(record) === undefined) return;
    if (await index.writeControl(id, { generation }, record?.revision ?? null)) return;
  }
}

async function recordDivergence(index: Diverging, generation: string, reason: string): Promise<void> {
  const id = recordId(generation);
  for (;;) {
    const record = await index.readControl(id);
    if (reasonIn(record) !== undefined) return;
    const value = { generation, reason: withoutQuotedValues(reason), at: new Date().toISOString() };
    if (await index.writeControl(id, value, record?.revision ?? null)) return;
  }
}

function recordId(generation: string): string {
  return `diverged:${generation}`;
}

function reasonIn(record: ControlRecord | undefined): string | undefined {
  const reason = record?.value['reason'];
  return typeof reason === 'string' ? reason : undefined;
}
