import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedBroker } from '../../../../src/broker/embedded/index.ts';
import { createLogger } from '../../../../src/observability/logging.ts';
import { createEmbeddedIndex } from '../../../../src/order-index/embedded/index.ts';
import { IndexConfigurationError } from '../../../../src/order-index/port.ts';
import { DatabaseInUseError } from '../../../../src/sqlite/database.ts';
import { outgoingEvent, recordingHandlers } from '../../../support/amqp-broker.ts';
import { eventually } from '../../../support/eventually.ts';
import { takenDeadLetters } from '../../../support/taken-dead-letters.ts';

const HOLDER = new URL('../../../support/hold-data-dir.ts', import.meta.url).pathname;

describe('a data directory', () => {
  let dataDir: string;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-lock-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await killed(child);
    rmSync(dataDir, { recursive: true });
  });

  /** Another process that has it open, with one delivery in hand. */
  async function holder(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [HOLDER, dataDir, 'orders'], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(said.toString(), 'holding\n');
    return child;
  }

  async function killed(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  const brokerHere = () =>
    createEmbeddedBroker({ dataDir, prefix: 'orders', deliveryLimit: 2, log: createLogger('silent') });
  const indexHere = (prefix = 'orders') =>
    createEmbeddedIndex({ dataDir, prefix, foldVersion: 1, log: createLogger('silent') });

  describe('when another process has it', () => {
    it('is refused, and says why', async () => {
      await holder();
      await assert.rejects(
        brokerHere().open(),
        (error: Error) => error instanceof DatabaseInUseError && /DATA_DIR/.test(error.message),
      );
      await assert.rejects(
        indexHere().open(),
        (error: Error) => error instanceof IndexConfigurationError && /DATA_DIR/.test(error.message),
      );
    });

    it('is open under another prefix', async () => {
      await holder();
      const index = indexHere('others');
      await index.open();
      assert.equal((await index.health()).state, 'up');
      await index.close();
    });
  });

  describe('when the process that had it was killed', () => {
    it('is open at once, with all that was confirmed, and counts the delivery that was lost', async () => {
      await killed(await holder());
      const [broker, index] = [brokerHere(), indexHere()];
      await index.open();
      await broker.open();
      assert.equal((await index.get('held'))?.orderId, 'held');
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      await eventually(() => assert.equal(recorded.deliveries.length, 2));
      assert.deepEqual(
        recorded.deliveries.map(({ redeliveries }) => redeliveries),
        [1, 0],
      );
      await broker.close();
      await index.close();
    });

    it('gives up on a message that kills the process again and again', async () => {
      // Each holder publishes two more; all are killed with the first of the first in hand.
      for (let time = 0; time < 3; time++) await killed(await holder());
      const broker = brokerHere();
      await broker.open();
      const recorded = recordingHandlers();
      await broker.consume({ prefetch: 10 }, recorded);
      await eventually(() => assert.equal(recorded.deliveries.length, 5));
      const [letter] = await takenDeadLetters(broker, 1);
      assert.equal(letter?.refusal.reason, 'delivery_limit');
      assert.equal(letter.attempts, 3);
      assert.deepEqual(Buffer.from(letter.body), outgoingEvent(1).body);
      await broker.close();
    });
  });
});
