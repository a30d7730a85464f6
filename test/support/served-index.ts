import { createHttpApp } from '../../src/http/app.ts';
import type { HttpDependencies } from '../../src/http/dependencies.ts';
import { listen } from '../../src/http/server.ts';
import { createVersionAwaiter } from '../../src/order-index/await-version.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { createVersionWaits } from '../../src/order-index/version-waits.ts';
import { FakeOrders, fakeDependencies } from '../unit/http/fake-orders.ts';

export interface ServedIndex {
  readonly url: string;
  close(): Promise<void>;
}

/** The HTTP interface over a real index: what readers are answered comes from it, what operators are answered does not. */
export async function serveIndex(index: OrderIndex, replaced: Partial<HttpDependencies> = {}): Promise<ServedIndex> {
  const dependencies = fakeDependencies(new FakeOrders(), {
    search: (query, signal) => index.search(query, signal),
    suggest: (query, signal) => index.suggest(query, signal),
    customerOrders: (query, signal) => index.customerOrders(query, signal),
    getOrder: (orderId, signal) => index.get(orderId, signal),
    awaitVersion: createVersionAwaiter(index, createVersionWaits(), new AbortController().signal),
    ...replaced,
  });
  const server = await listen(createHttpApp(dependencies), { host: '127.0.0.1', port: 0 });
  return { url: `http://127.0.0.1:${server.port}`, close: () => server.close(0) };
}
