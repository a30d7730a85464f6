/**
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @returns {T}
 */
export function find(selector, type) {
  const node = document.querySelector(selector);
  if (node instanceof type) return node;
  throw new Error(`the page has no ${selector}`);
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 * @param {{ className?: string, ariaLabel?: string, title?: string, scope?: string, type?: string, hidden?: boolean, tabIndex?: number }} [properties]
 * @param {(Node | string)[]} [children]
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(name, properties = {}, children = []) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

/**
 * A button and what it does; while that is under way it cannot be pressed again.
 * @param {(Node | string)[]} label
 * @param {() => unknown} press
 * @param {string} [className]
 */
export function button(label, press, className = '') {
  const node = element('button', { type: 'button', className }, label);
  node.addEventListener('click', async () => {
    if (node.ariaDisabled === 'true') return;
    node.ariaDisabled = 'true';
    try {
      await press();
    } finally {
      node.ariaDisabled = null;
    }
  });
  return node;
}

/** Text for those who do not see where it stands. @param {string} text */
export function spoken(text) {
  return element('span', { className: 'hidden-label' }, [text]);
}

/**
 * A table that scrolls by itself where it is too wide.
 * @param {string} caption
 * @param {(Node | string)[]} heads
 * @param {HTMLTableRowElement[]} rows
 */
export function table(caption, heads, rows) {
  const head = element(
    'tr',
    {},
    heads.map((text) => element('th', { scope: 'col' }, [text])),
  );
  const frame = element('div', { className: 'wide', tabIndex: 0, ariaLabel: caption }, [
    element('table', {}, [
      element('caption', { className: 'hidden-label' }, [caption]),
      element('thead', {}, [head]),
      element('tbody', {}, rows),
    ]),
  ]);
  frame.role = 'region';
  return frame;
}

/** @param {(Node | string)[]} cells the first one names the row @param {number} [numbersFrom] the first column of numbers */
export function row(cells, numbersFrom = Infinity) {
  const [name = '', ...others] = cells;
  return element('tr', {}, [
    element('th', { scope: 'row' }, [name]),
    ...others.map((cell, at) => element('td', { className: at + 1 >= numbersFrom ? 'number' : '' }, [cell])),
  ]);
}
