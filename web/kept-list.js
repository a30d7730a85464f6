/** What can have the focus within an item. */
const FOCUSABLE = 'a[href], button, input, summary, [tabindex="0"]';

/**
 * The items of a list or table that is asked for again and again: one that has not changed keeps its node, and by it the focus and what is
 * opened or ticked in it. Where the item that has the focus is gone, the one in its place gets it, or `heading`.
 * @template T
 * @param {{ frame: HTMLElement, heading: HTMLElement, idOf: (item: T) => string, make: (item: T) => HTMLElement,
 *   keyOf?: (item: T) => string, update?: (node: HTMLElement, item: T) => void }} parts `keyOf`: what makes a node be made anew (default:
 *   all of the item); `update`: for what else changes
 */
export function createKeptList({ frame, heading, idOf, make, keyOf = JSON.stringify, update }) {
  /** @type {Map<string, { key: string, node: HTMLElement }>} */
  let shown = new Map();

  /** @param {T} item */
  function shownItem(item) {
    const key = keyOf(item);
    const before = shown.get(idOf(item));
    if (before?.key === key) {
      update?.(before.node, item);
      return before;
    }
    const node = make(item);
    node.dataset['id'] = idOf(item);
    node.tabIndex = -1;
    if (before) keepTicks(before.node, node);
    return { key, node };
  }

  return {
    /** @param {T[]} items */
    show(items) {
      const focused = document.activeElement;
      const at = [...frame.children].findIndex((node) => node.contains(focused));
      const place = focusedPlace(frame.children[at], focused);
      const id = /** @type {HTMLElement | undefined} */ (frame.children[at])?.dataset['id'];
      shown = new Map(items.map((item) => [idOf(item), shownItem(item)]));
      placeNodes(
        frame,
        [...shown.values()].map(({ node }) => node),
      );
      if (at < 0 || focused === document.activeElement) return;
      const same = shown.get(id ?? '')?.node;
      const next = /** @type {HTMLElement | undefined} */ (frame.children[at] ?? frame.lastElementChild ?? undefined);
      (same ? (focusableIn(same)[place] ?? same) : (next ?? heading)).focus();
    },
  };
}

/** @param {Element | undefined} node @param {Element | null} focused */
function focusedPlace(node, focused) {
  return node instanceof HTMLElement && focused instanceof HTMLElement ? focusableIn(node).indexOf(focused) : -1;
}

/** @param {HTMLElement} node */
function focusableIn(node) {
  return /** @type {HTMLElement[]} */ ([...node.querySelectorAll(FOCUSABLE)]);
}

/** @param {HTMLElement} before @param {HTMLElement} after */
function keepTicks(before, after) {
  const [box, details] = [before.querySelector('input'), before.querySelector('details')];
  const [nextBox, nextDetails] = [after.querySelector('input'), after.querySelector('details')];
  if (box && nextBox) nextBox.checked = box.checked;
  if (details && nextDetails) nextDetails.open = details.open;
}

/** Brings a frame to these nodes, moving no more than it must. @param {HTMLElement} frame @param {Element[]} nodes */
function placeNodes(frame, nodes) {
  const wanted = new Set(nodes);
  for (const node of [...frame.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, at) => {
    const there = frame.children[at];
    if (there !== node) frame.insertBefore(node, there ?? null);
  });
}
