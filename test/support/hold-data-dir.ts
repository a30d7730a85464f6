/** A process of its own that opens the embedded broker and index, says so, and works on until it is killed. Arguments: data dir, prefix. */
import { createEmbeddedBroker } from '../../src/broker/embedded/index.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { createEmbeddedIndex } from '../../src/order-index/embedded/index.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import { outgoingEvent } from './amqp-broker.ts';

// A queue at rest keeps no process alive.
process.stdin.resume();
const [, , dataDir = '', prefix = ''] = process.argv;
const log = createLogger('silent');
const broker = createEmbeddedBroker({ dataDir, prefix, deliveryLimit: 2, log });
const index = createEmbeddedIndex({ dataDir, prefix, foldVersion: 1, log });
await broker.open();
await index.open();
await index.write((await index.registry()).live, [sampleWrite({ orderId: 'held' })], 'live');
await broker.publish([outgoingEvent(1), outgoingEvent(2)]);
await broker.consume({ prefetch: 1 }, { onDelivery: () => process.stdout.write('holding\n'), onLost: () => undefined });
// As long as someone may ask for them: a database that nobody can reach any more is closed, and its lock is gone.
process.once('SIGTERM', () => void Promise.all([broker.close(), index.close()]));
