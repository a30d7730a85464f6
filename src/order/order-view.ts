import { TECHNICAL_FIELDS, type OrderDocument, type OrderView } from './document.ts';

const HIDDEN: ReadonlySet<string> = new Set(TECHNICAL_FIELDS);

/** The document as readers see it, without its technical fields. Every hit of a page goes through here, so no lists are made of it. */
export function toOrderView(document: OrderDocument): OrderView {
  const view: Record<string, unknown> = {};
  for (const field of Object.keys(document)) {
    if (!HIDDEN.has(field)) view[field] = document[field as keyof OrderDocument];
  }
  return view as unknown as OrderView;
}
