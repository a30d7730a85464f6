import assert from 'node:assert/strict';
import { diverge, divergenceOf } from '../../../src/order-index/diverge.ts';
import { documentWrite } from '../../../src/order-index/document-write.ts';
import type { OrderIndex } from '../../../src/order-index/port.ts';
import { foldStored } from '../../../src/order/fold.ts';
import { RefusedError, writeUntilStored } from '../../../src/rebuild/write-until-stored.ts';
import { MemoryControl } from '../../support/memory-control.ts';
import { MemoryIndex } from '../../support/memory-index.ts';
import { eventAt } from '../../support/protocol.ts';

const LIVE = 'orders-000001';
const STANDBY = 'orders-000002';
const SAID = `failed to parse field [customerName] of type [long] in document with id 'A-1'. Preview of field's value: 'O'Sekret'`;
const KEPT = SAID.replace("O'Sekret", '[redacted]');
const PARSED = 'number_format_exception: For input string: "Sekret"';
const PARSED_KEPT = 'number_format_exception: For input string: "[redacted]"';

describe('what Elasticsearch quotes of an order where it refuses it', () => {
  let index: MemoryIndex;
  beforeEach(() => {
    index = new MemoryIndex();
  });

  it('is not kept with a generation that has diverged', async () => {
    const control = new MemoryControl();
    const diverging = Object.assign(index, {
      readControl: control.readControl.bind(control),
      writeControl: control.writeControl.bind(control),
    }) as unknown as OrderIndex;
    await diverge(diverging, STANDBY, `${STANDBY} refuses order A-1 at version 2 (customerName: ${SAID}; ${PARSED})`);
    const kept = `${STANDBY} refuses order A-1 at version 2 (customerName: ${KEPT}; ${PARSED_KEPT})`;
    assert.equal(await divergenceOf(diverging, STANDBY), kept);
  });

  it('is not kept with a rebuild that has failed', async () => {
    index.obstacle = () => ({ kind: 'refused', reason: SAID, path: 'customerName' });
    const write = documentWrite(foldStored('A-1', [eventAt(1)]), new Date());
    const { signal } = new AbortController();
    await assert.rejects(writeUntilStored(index as unknown as OrderIndex, LIVE, [write], signal), (error) => {
      assert.ok(error instanceof RefusedError);
      assert.deepEqual(error.orders, [{ orderId: 'A-1', reason: `customerName: ${KEPT}` }]);
      return true;
    });
  });
});
