import { element } from './dom.js';
import { whole } from './format.js';

/**
 * An editable combobox with list autocomplete, as the WAI-ARIA Authoring Practices have it: the focus stays in the box, arrows move over
 * the list, and nothing is taken that was not chosen.
 * @typedef {{ text: string, note: string }} Choice `note`: what kind of text it is
 * @param {{ box: HTMLInputElement, list: HTMLElement, told: HTMLElement, choose: (text: string) => void }} parts `told`: a live region
 */
export function createCombobox({ box, list, told, choose }) {
  /** Whether who has the focus would see a list, were there one: typing and arrows ask for it, choosing and Escape send it away. */
  let isWanted = false;
  /** @type {Element | undefined} */
  let active;

  /** @param {Element | undefined} option */
  function mark(option) {
    active?.setAttribute('aria-selected', 'false');
    active = option;
    if (!option) return box.removeAttribute('aria-activedescendant');
    option.setAttribute('aria-selected', 'true');
    option.scrollIntoView({ block: 'nearest' });
    box.setAttribute('aria-activedescendant', option.id);
  }

  function show() {
    const count = list.children.length;
    const isOpen = isWanted && count > 0 && document.activeElement === box;
    if (!isOpen) mark(undefined);
    list.hidden = !isOpen;
    box.ariaExpanded = String(isOpen);
    const text = isOpen ? `${whole(count)} ${count === 1 ? 'suggestion' : 'suggestions'}` : '';
    if (told.textContent !== text) told.textContent = text;
  }

  /** @param {boolean} wanted */
  function want(wanted) {
    isWanted = wanted;
    show();
  }

  /** @param {Element} option */
  function take(option) {
    want(false);
    choose(/** @type {HTMLElement} */ (option).dataset['text'] ?? '');
  }

  box.addEventListener('input', () => {
    // What is typed is meant, and no longer what an arrow had come to.
    mark(undefined);
    // What is typed next is another text: nothing of what was offered has to do with it.
    if (box.value === '') list.replaceChildren();
    want(true);
  });
  box.addEventListener('blur', () => want(false));
  box.form?.addEventListener('submit', () => want(false));
  box.addEventListener('keydown', (event) => {
    // While an input method composes, its keys are its own.
    if (event.isComposing) return;
    const isDone = onKey(event, { box, list, active, mark, want, take });
    if (isDone) event.preventDefault();
  });
  // The focus stays in the box.
  list.addEventListener('mousedown', (event) => event.preventDefault());
  list.addEventListener('click', ({ target }) => {
    const option = target instanceof Element ? target.closest('[role=option]') : null;
    if (option) take(option);
  });

  return {
    /** Shows these from now on; what is marked stays so where it is still offered. @param {Choice[]} choices */
    offer(choices) {
      const text = active instanceof HTMLElement ? active.dataset['text'] : undefined;
      const options = choices.map((choice, at) => optionOf(choice, `${list.id}-${at}`));
      list.replaceChildren(...options);
      mark(text === undefined ? undefined : options.find(({ dataset }) => dataset['text'] === text));
      show();
    },
    /** Shows what is offered, as an arrow does. */
    open: () => want(true),
  };
}

/**
 * @typedef {{ box: HTMLInputElement, list: HTMLElement, active: Element | undefined, mark: (option: Element | undefined) => void,
 *   want: (wanted: boolean) => void, take: (option: Element) => void }} Combobox
 */

/** What a key does beyond what it does in any text box; true: and it is not to do that. @param {KeyboardEvent} event @param {Combobox} combobox */
function onKey({ key, altKey, ctrlKey, metaKey }, { box, list, active, mark, want, take }) {
  if (ctrlKey || metaKey) return false;
  switch (key) {
    case 'ArrowDown':
    case 'ArrowUp': {
      const wasOpen = !list.hidden;
      want(key === 'ArrowDown' || !altKey);
      if (!altKey && !list.hidden) mark(next(list, active, key === 'ArrowDown' ? 1 : -1));
      return wasOpen || !list.hidden;
    }
    case 'Enter':
      if (active) take(active);
      // A form of several fields and no button is not submitted by the browser.
      else box.form?.requestSubmit();
      return true;
    case 'Escape': {
      const wasOpen = !list.hidden;
      if (!wasOpen) clear(box);
      want(false);
      return true;
    }
    case 'Home':
    case 'End':
      if (!active) return false;
      mark(undefined);
      box.setSelectionRange(...ends(key === 'Home' ? 0 : box.value.length));
      return true;
    case 'ArrowLeft':
    case 'ArrowRight':
      mark(undefined);
      return false;
    default:
      return false;
  }
}

/** Empties a box as its reader would. @param {HTMLInputElement} box */
export function clear(box) {
  if (box.value === '') return;
  box.value = '';
  box.dispatchEvent(new InputEvent('input', { bubbles: true }));
}

/** From the last on to the first, and back. @param {HTMLElement} list @param {Element | undefined} active @param {1 | -1} step */
function next(list, active, step) {
  const options = [...list.children];
  const from = active ? options.indexOf(active) : step === 1 ? -1 : 0;
  return options.at((from + step) % options.length);
}

/** @param {number} at @returns {[number, number]} */
const ends = (at) => [at, at];

/** @param {Choice} choice @param {string} id */
function optionOf({ text, note }, id) {
  const option = element('li', {}, [
    element('span', { className: 'text' }, [text]),
    ' ',
    element('span', { className: 'soft' }, [note]),
  ]);
  option.role = 'option';
  option.id = id;
  option.dataset['text'] = text;
  option.setAttribute('aria-selected', 'false');
  return option;
}
