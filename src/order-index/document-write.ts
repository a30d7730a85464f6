import { documentOf, type StringsOf } from '../order/flatten.ts';
import type { OrderState } from '../order/fold.ts';
import type { DocumentWrite } from './port.ts';

/** A state's document, under the version that the state has. */
export function documentWrite(state: OrderState, now: Date, stringsOf?: StringsOf): DocumentWrite {
  const { orderId, version } = state;
  return { orderId, version, document: documentOf(state, now.toISOString(), stringsOf) };
}
