import type { ControlRecord, OrderIndex } from './port.ts';

/** An index that had vanished and was made anew, so that what was in it is gone. */
export interface LostIndex {
  readonly index: string;
  readonly content: 'parked' | 'dead-letters';
  /** When it was missed. RFC 3339. */
  readonly at: string;
}

export const LOST_INDICES = 'lost-indices';

/** Those that nobody has made up for. @throws IndexUnavailableError */
export async function lostIndices(index: Pick<OrderIndex, 'readControl'>): Promise<readonly LostIndex[]> {
  return lostIn(await index.readControl(LOST_INDICES));
}

/** One that is noted already keeps its time. Durable when it resolves. @throws IndexUnavailableError */
export async function noteLostIndex(
  index: Pick<OrderIndex, 'readControl' | 'writeControl'>,
  lost: LostIndex,
): Promise<void> {
  await change(index, (before) => (before.some((one) => one.index === lost.index) ? before : [...before, lost]));
}

/**
 * Of parked events that were missed before: everything was read from the history since, which parks them again. Dead letters do not come
 * back.
 * @throws IndexUnavailableError
 */
export async function forgetLostParked(
  index: Pick<OrderIndex, 'readControl' | 'writeControl'>,
  before: number,
): Promise<void> {
  await change(index, (lost) => lost.filter(({ content, at }) => content !== 'parked' || Date.parse(at) >= before));
}

async function change(
  index: Pick<OrderIndex, 'readControl' | 'writeControl'>,
  by: (lost: readonly LostIndex[]) => readonly LostIndex[],
): Promise<void> {
  for (;;) {
    const record = await index.readControl(LOST_INDICES);
    const before = lostIn(record);
    const lost = by(before);
    if (lost.length === before.length) return;
    if (await index.writeControl(LOST_INDICES, { lost }, record?.revision ?? null)) return;
  }
}

function lostIn(record: ControlRecord | undefined): readonly LostIndex[] {
  return (record?.value['lost'] ?? []) as readonly LostIndex[];
}
