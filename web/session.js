import { actAs, readCaller, readToken, signIn, signOut } from './access-token.js';
import { button, element, find } from './dom.js';
import { createNewest } from './newest.js';
import { reasonOf, showProblem } from './problem.js';
import { serviceAsNobody } from './search-client.js';

/** @import { Caller, Role } from './access-token.js' */

/** @type {Readonly<Record<Role, string>>} */
const ROLES = { admin: 'Admin', support: 'Support', seller: 'Seller', customer: 'Customer' };

/**
 * Who the page asks as: the form for a token where the service asks for one, else a choice of whose eyes to see with.
 * @param {(caller: Caller) => void} changed called when it is somebody else
 */
export function createSession(changed) {
  const form = find('#sign-in', HTMLFormElement);
  const token = find('#token', HTMLInputElement);
  const reason = find('#sign-in-reason', HTMLElement);
  const who = find('#who', HTMLElement);
  const tell = () => {
    void showWho(who, tell);
    changed(readCaller());
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const isKept = signIn(token.value.trim());
    token.value = '';
    if (!isKept) {
      reason.textContent = 'That is no access token: one has only letters, digits and . _ ~ + / - =.';
      token.focus();
      return;
    }
    form.hidden = true;
    tell();
  });

  const session = {
    /** Asks for a token. @param {string} why */
    ask(why) {
      signOut();
      form.hidden = false;
      reason.textContent = why;
      if (!form.contains(document.activeElement)) token.focus();
      void showWho(who, tell);
    },
    /** Whether a token is being asked for: until there is one nothing can be had. */
    isAsking: () => !form.hidden,
    /** An answer came: whoever it is may ask. */
    settled() {
      form.hidden = true;
    },
  };
  void showWho(who, tell);
  return session;
}

/**
 * @param {HTMLElement} who
 * @param {() => void} changed
 */
async function showWho(who, changed) {
  const named = readToken();
  if (named) {
    const out = button(['Sign out'], () => {
      signOut();
      changed();
    });
    who.replaceChildren(element('span', {}, [`${ROLES[named.role] ?? named.role} ${named.sub}`]), out);
    return;
  }
  if (await isAsked()) who.replaceChildren();
  else if (!who.querySelector('select')) who.replaceChildren(...roleSwitcher(changed));
}

/** Whether callers have to say who they are. A service that does not answer is told of elsewhere. */
async function isAsked() {
  const response = await fetch('page-settings.json').catch(() => undefined);
  if (!response?.ok) return true;
  const { authentication } = await response.json();
  return authentication === 'on';
}

/** @param {() => void} changed */
function roleSwitcher(changed) {
  const { role, sub } = readCaller();
  const options = Object.entries(ROLES).map(([value, text]) => new Option(text, value, value === role, value === role));
  const select = element('select', { ariaLabel: 'See it as' }, options);
  const id = Object.assign(element('input', { ariaLabel: 'Id of whom to see it as' }), { value: sub, maxLength: 256 });
  const narrow = () => (id.hidden = select.value !== 'seller' && select.value !== 'customer');
  const choice = createNewest();
  const choose = () => {
    choice.forget();
    const chosen = /** @type {Role} */ (select.value);
    if (chosen === 'admin') actAs(undefined);
    else actAs({ role: chosen, sub: id.value.trim() || 'nobody' });
    narrow();
    changed();
  };
  const chooseSomeone = async (/** @type {'seller' | 'customer'} */ chosen) => {
    const found = await choice.of(someone(chosen).catch((error) => ({ reason: reasonOf(error) })));
    if (found === undefined) return;
    if (typeof found === 'string') {
      id.value = found;
      choose();
    } else {
      // Nobody is known to see it as: all stays as it was.
      select.value = readCaller().role;
      showProblem(found.reason);
    }
  };
  select.addEventListener('change', () => {
    const chosen = select.value;
    if (chosen === 'seller' || chosen === 'customer') void chooseSomeone(chosen);
    else choose();
  });
  id.addEventListener('change', choose);
  narrow();
  return [element('span', { className: 'soft' }, ['See it as']), select, id];
}

/**
 * One who is there, whoever this tab asks as: the page itself goes on asking as that one meanwhile.
 * @param {'seller' | 'customer'} role
 */
async function someone(role) {
  const { hits, facets } = await serviceAsNobody.search({ size: 1 });
  const id = role === 'seller' ? facets.seller[0]?.value : hits[0]?.order.customerId;
  return id ?? 'nobody';
}
