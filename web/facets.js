/**
 * @import { SearchAnswer } from './client/index.ts'
 * @import { Filters } from './query.js'
 * @typedef {SearchAnswer['facets']} Facets
 */

/** The filters of the page, by the facet that counts their values. @type {Readonly<Record<keyof Facets, keyof Filters>>} */
const FILTERS = { status: 'status', tag: 'tag', seller: 'sellerId', currency: 'currency' };
const FACETS = /** @type {(keyof Facets)[]} */ (Object.keys(FILTERS));

/** With fewer values there is nothing to choose: an order has one seller and one currency, but may have no tag. */
const FEWEST_VALUES = { status: 0, tag: 1, seller: 2, currency: 2 };

/** What is chosen in an address or a form. @param {URLSearchParams | FormData} source @returns {Filters} */
export function readFilters(source) {
  /** @param {keyof Filters} name */
  const values = (name) => source.getAll(name).map(String);
  return { status: values('status'), tag: values('tag'), sellerId: values('sellerId'), currency: values('currency') };
}

/**
 * Checks what is chosen, and nothing else; boxes that are not there are made.
 * @param {HTMLFormElement} form
 * @param {Filters} filters
 */
export function writeFilters(form, filters) {
  for (const facet of FACETS) {
    const chosen = filters[FILTERS[facet]];
    const chips = chipsOf(form, facet);
    const missing = chosen.filter((value) => facet !== 'status' && !chips.has(value));
    groupOf(form, facet).append(...missing.map((value) => chip(facet, value)));
    for (const box of boxesOf(form, facet)) box.checked = chosen.includes(box.value);
    hideIdle(form, facet);
  }
  openWhereChosen(form);
}

/**
 * Shows how many orders each choice would find; no numbers where none is known, and then what is chosen stays, and what there always is to
 * choose. The order of the choices changes with a new search only, never under the reader's hand.
 * @param {HTMLFormElement} form
 * @param {Facets | undefined} facets
 * @param {boolean} isNewSearch
 */
export function showFacets(form, facets, isNewSearch) {
  for (const facet of FACETS) {
    const counts = new Map(facets?.[facet].map(({ value, count }) => [value, count]));
    if (facet !== 'status') placeChips(form, facet, [...counts.keys()], isNewSearch);
    for (const label of chipsOf(form, facet).values()) {
      if (facets) showCount(label, counts.get(boxOf(label).value) ?? 0);
      else hideCount(label);
    }
    hideIdle(form, facet);
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {keyof Facets} facet
 * @param {string[]} values
 * @param {boolean} isNewSearch
 */
function placeChips(form, facet, values, isNewSearch) {
  const group = groupOf(form, facet);
  const before = chipsOf(form, facet);
  const focused = document.activeElement;
  // What has the focus stays, or a reader by keyboard would lose the place by taking a choice back.
  const kept = [...before].filter(
    ([value, label]) => values.includes(value) || boxOf(label).checked || boxOf(label) === focused,
  );
  const first = isNewSearch ? values : kept.map(([value]) => value);
  const wanted = [...new Set([...first, ...values, ...kept.map(([value]) => value)])];
  const labels = wanted.map((value) => before.get(value) ?? chip(facet, value));
  for (const label of before.values()) if (!labels.includes(label)) label.remove();
  labels.forEach((label, at) => {
    // The legend stands first.
    const there = group.children[at + 1];
    if (there !== label) group.insertBefore(label, there ?? null);
  });
  if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) focused.focus();
}

/**
 * The count is told as a description, so that a choice keeps its name while counts change.
 * @param {HTMLLabelElement} label
 * @param {number} count
 */
function showCount(label, count) {
  const box = boxOf(label);
  const text = new Intl.NumberFormat().format(count);
  const shown = label.querySelector('small') ?? document.createElement('small');
  shown.ariaHidden = 'true';
  if (shown.textContent !== text) shown.textContent = text;
  label.querySelector('span')?.append(shown);
  box.setAttribute('aria-description', `${text} ${count === 1 ? 'order' : 'orders'}`);
  label.classList.toggle('none', count === 0);
}

/** @param {HTMLLabelElement} label */
function hideCount(label) {
  label.querySelector('small')?.replaceChildren();
  boxOf(label).removeAttribute('aria-description');
  label.classList.remove('none');
}

/**
 * @param {keyof Facets} facet
 * @param {string} value
 */
function chip(facet, value) {
  const label = document.createElement('label');
  const box = Object.assign(document.createElement('input'), { type: 'checkbox', name: FILTERS[facet], value });
  const face = document.createElement('span');
  const text = Object.assign(document.createElement('span'), { className: 'choice', textContent: value });
  face.append(text);
  label.title = value;
  label.append(box, face);
  return label;
}

/** @param {HTMLFormElement} form @param {keyof Facets} facet */
function hideIdle(form, facet) {
  const boxes = boxesOf(form, facet);
  groupOf(form, facet).hidden = boxes.length < FEWEST_VALUES[facet] && boxes.every(({ checked }) => !checked);
}

/** A filter that is out of sight would puzzle. @param {HTMLFormElement} form */
function openWhereChosen(form) {
  const more = form.querySelector('#more-filters');
  if (more instanceof HTMLDetailsElement && more.querySelector('input:checked')) more.open = true;
}

/** @param {HTMLFormElement} form @param {keyof Facets} facet @returns {HTMLFieldSetElement} */
function groupOf(form, facet) {
  const group = form.querySelector(`fieldset[data-facet=${facet}]`);
  if (group instanceof HTMLFieldSetElement) return group;
  throw new Error(`the page has no filter ${facet}`);
}

/** @param {HTMLFormElement} form @param {keyof Facets} facet */
function boxesOf(form, facet) {
  return [...chipsOf(form, facet).values()].map(boxOf);
}

/** @param {HTMLFormElement} form @param {keyof Facets} facet */
function chipsOf(form, facet) {
  return new Map([...groupOf(form, facet).querySelectorAll('label')].map((label) => [boxOf(label).value, label]));
}

/** @param {HTMLLabelElement} label @returns {HTMLInputElement} */
function boxOf(label) {
  const box = label.querySelector('input');
  if (box) return box;
  throw new Error('a choice has no box');
}
