import type { OrderDocument, OrderView } from '../order/document.ts';

/** The document as readers see it: without its events and search words. */
export function toOrderView(document: OrderDocument): OrderView {
  const { events: _events, search: _search, eventsDigest: _eventsDigest, ...view } = document;
  return view;
}
