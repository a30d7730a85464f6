import { TECHNICAL_FIELDS, type OrderDocument, type OrderView } from './document.ts';

const HIDDEN: ReadonlySet<string> = new Set(TECHNICAL_FIELDS);

/** The document as readers see it, without its technical fields. */
export function toOrderView(document: OrderDocument): OrderView {
  return Object.fromEntries(Object.entries(document).filter(([field]) => !HIDDEN.has(field))) as unknown as OrderView;
}
