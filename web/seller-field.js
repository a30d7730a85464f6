import { createCombobox } from './combobox.js';
import { find } from './dom.js';
import { whole } from './format.js';

/** @typedef {{ value: string, count: number }} Seller `count`: of orders */

/** Case and diacritics do not matter. @param {string} text */
const folded = (text) => text.normalize('NFD').replaceAll(/\p{M}/gu, '').toLowerCase();

/**
 * The field that says whose numbers are shown. Any id may be typed; sellers are offered, those whose id contains what is typed.
 * @param {() => void} changed called once another one is meant: chosen, or typed and left
 */
export function createSellerField(changed) {
  const box = find('#seller', HTMLInputElement);
  /** @type {Seller[]} */
  let sellers = [];
  let meant = '';

  const combobox = createCombobox({
    box,
    list: find('#sellers', HTMLElement),
    told: find('#sellers-told', HTMLElement),
    choose(seller) {
      box.value = seller;
      settle();
    },
  });

  function offer() {
    const text = box.value.trim();
    // Beside the one that is shown all are offered: it is to be changed for another one.
    const typed = text === meant ? '' : folded(text);
    const fitting = sellers.filter(({ value }) => folded(value).includes(typed));
    const note = (/** @type {number} */ count) => `${whole(count)} ${count === 1 ? 'order' : 'orders'}`;
    combobox.offer(fitting.map(({ value, count }) => ({ text: value, note: note(count) })));
  }

  function settle() {
    const text = box.value.trim();
    if (text === meant) return;
    meant = text;
    offer();
    changed();
  }

  box.addEventListener('input', offer);
  box.addEventListener('blur', settle);
  box.addEventListener('click', combobox.open);
  box.form?.addEventListener('submit', settle);
  return {
    /** @param {string} seller */
    show(seller) {
      box.value = meant = seller;
      offer();
    },
    /** @param {Seller[]} offered */
    offer(offered) {
      sellers = offered;
      offer();
    },
    seller: () => meant,
  };
}
