import type { OrderIndex } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import type { Backend, IndexPlace } from './backends.ts';

/** An index of the suite's own. */
export interface SearchedOrders {
  /** Open while the suite's tests run. */
  readonly index: OrderIndex;
  /** Writes more of them, or newer versions, which searches find then. */
  put(...orders: readonly SampleOrder[]): Promise<void>;
}

/** Within a `describe`: before its tests there is an index with these orders, which searches find, and after them it is gone. */
export function searchedOrders(backend: Backend, orders: readonly SampleOrder[]): SearchedOrders {
  let place: IndexPlace;
  let index: OrderIndex;
  const put = async (...more: readonly SampleOrder[]): Promise<void> => {
    await index.write((await index.registry()).live, more.map(sampleWrite), 'live');
    await index.refresh();
  };

  before(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
    await put(...orders);
  });
  after(() => place.remove());

  return {
    get index() {
      return index;
    },
    put,
  };
}
