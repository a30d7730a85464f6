import type { ControlRecord, OrderIndex } from '../../src/order-index/port.ts';

/** The control documents, in memory. */
export class MemoryControl implements Pick<OrderIndex, 'readControl' | 'writeControl'> {
  readonly records = new Map<string, ControlRecord>();

  readControl(id: string): Promise<ControlRecord | undefined> {
    return Promise.resolve(this.records.get(id));
  }

  writeControl(id: string, value: ControlRecord['value'], expected?: string | null): Promise<boolean> {
    const { revision } = this.records.get(id) ?? { revision: null };
    if (expected !== undefined && expected !== revision) return Promise.resolve(false);
    this.records.set(id, { value: structuredClone(value), revision: String(Number(revision ?? 0) + 1) });
    return Promise.resolve(true);
  }
}
