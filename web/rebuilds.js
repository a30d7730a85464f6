import { confirmed } from './confirmation.js';
import { button, element, find, row, table } from './dom.js';
import { ageText, instant, whole } from './format.js';
import { createKeptList } from './kept-list.js';
import { createNewest } from './newest.js';
import { setRunning, startForm } from './rebuild-form.js';
import { follow, operate } from './search-client.js';

/**
 * @typedef {{ id: string, kind: 'rebuild' | 'activation', projection: string, source: string, state: string, generation: string, processed: number,
 *   total: number | null, ratePerSecond: number | null, etaSeconds: number | null, paused: boolean, startedAt: string,
 *   finishedAt: string | null, error: string | null, stalled: string | null }} Rebuild
 * @typedef {import('./admin-page.js').Act} Act
 * @typedef {(done: string, action: () => Promise<Rebuild>) => Promise<void>} Command
 */

/**
 * Starting a rebuild, watching it, and what may be done to it.
 * @param {Act} act does what an operator asked for and says how it ended
 * @param {(text: string, isWrong: boolean) => void} ended called when a rebuild that was followed is over
 */
export function createRebuilds(act, ended) {
  const form = find('#start', HTMLFormElement);
  /** The one that is followed; `hasTold`: since the last look. @type {{ id: string, abort: AbortController, hasTold: boolean } | undefined} */
  let following;
  /** The one that was last said to be over. @type {string | undefined} */
  let over;
  const looks = createNewest();
  const earlier = createRebuildTable();
  /** What an operator wants of a rebuild, which the service answers with; the stream may tell before that it is over. @type {Command} */
  const command = (done, action) => act(({ id }) => (id === over ? undefined : done), action);
  startForm(form, command, () => panel.update());

  /** @param {Rebuild} rebuild */
  function show(rebuild) {
    showRebuild(find('#rebuild', HTMLElement), rebuild, command);
    setRunning(form, rebuild.finishedAt === null);
  }

  /** @param {string} id */
  async function watch(id) {
    if (following?.id === id) return;
    following?.abort.abort();
    const mine = { id, abort: new AbortController(), hasTold: false };
    following = mine;
    /** @type {Rebuild | undefined} */
    let last;
    try {
      for await (const { data } of follow(`admin/rebuilds/${encodeURIComponent(id)}/progress`, mine.abort.signal)) {
        last = data;
        mine.hasTold = true;
        show(data);
      }
    } finally {
      if (following === mine) following = undefined;
    }
    // Who moves readers is told by the answer.
    if (last?.kind !== 'rebuild' || last.finishedAt === null) return;
    over = id;
    ended(endText(last), last.state === 'FAILED');
  }

  const panel = {
    /** Shows none any more, and follows none. */
    forget() {
      looks.forget();
      following?.abort.abort();
      following = undefined;
      find('#rebuild', HTMLElement).replaceChildren();
      setRunning(form, false);
      earlier.show([]);
    },
    /**
     * @param {AbortSignal} [signal]
     * @throws {import('./client/index.ts').OrderSearchProblem | import('./search-client.js').NoAnswer} or what the signal was aborted with
     */
    async update(signal) {
      const answer = await looks.of(
        /** @type {Promise<{ items: Rebuild[] }>} */ (operate('GET', 'admin/rebuilds', { signal })),
      );
      if (!answer) return;
      const { items } = answer;
      const running = items.find(({ finishedAt }) => finishedAt === null);
      const [newest] = items;
      if (running) {
        // The stream is quicker; where it brings nothing, as behind what holds it up, the looks do.
        if (!following?.hasTold) show(running);
        if (following) following.hasTold = false;
        // A stream that breaks is taken up again with the next look.
        watch(running.id).catch(() => undefined);
      } else if (newest) show(newest);
      else setRunning(form, false);
      earlier.show(items);
    },
  };
  return panel;
}

/** @param {Rebuild} rebuild */
function endText({ projection, source, state }) {
  return `The rebuild of ${projection} from ${source} is ${state}.`;
}

/**
 * @param {HTMLElement} frame
 * @param {Rebuild} rebuild
 * @param {Command} command
 */
function showRebuild(frame, rebuild, command) {
  const { id, kind, projection, source, state, generation, finishedAt, paused, error, stalled } = rebuild;
  const what = kind === 'activation' ? `Moving readers to ${generation}` : `${projection} from ${source}`;
  const standing = paused && finishedAt === null ? `${state}, paused` : state;
  const head = element('p', {}, [
    element('strong', {}, [what]),
    generation === '' || kind === 'activation' ? '' : ` → ${generation}`,
    ' ',
    element('span', { className: finishedAt === null ? 'badge' : `badge over ${state}` }, [standing]),
  ]);
  const bar = element('progress', { ariaLabel: 'Progress' });
  const { processed, total } = rebuild;
  if (state === 'DONE') bar.value = 1;
  else if (total) bar.value = Math.min(1, processed / total);
  else if (finishedAt !== null) bar.value = 0;
  // What is kept keeps the focus of who operates it.
  const body = element('div', { className: 'running' }, [
    head,
    bar,
    element('p', { className: 'soft' }, [progressText(rebuild)]),
  ]);
  if (stalled !== null) body.append(element('p', { className: 'lagging' }, [`Stalled: ${stalled}`]));
  if (error !== null) body.append(element('p', { className: 'wrong' }, [error]));
  const key = `${id} ${finishedAt} ${paused}`;
  const old = frame.querySelector('.actions');
  const actions = old instanceof HTMLElement && old.dataset['key'] === key ? old : actionsOf(rebuild, command);
  actions.dataset['key'] = key;
  frame.dataset['state'] = state;
  if (old === actions) frame.firstElementChild?.replaceWith(body);
  else frame.replaceChildren(body, actions);
}

/** @param {Rebuild} rebuild */
function progressText({ processed, total, ratePerSecond, etaSeconds, startedAt, finishedAt }) {
  const of = total === null ? whole(processed) : `${whole(processed)} of ${whole(total)}`;
  if (finishedAt !== null) {
    const seconds = (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
    return `${of} · took ${ageText(seconds)} · ended ${instant(finishedAt)}`;
  }
  const rate = ratePerSecond === null ? '' : ` · ${whole(Math.round(ratePerSecond))} a second`;
  const left = etaSeconds === null ? '' : ` · ${ageText(etaSeconds)} left`;
  return `${of}${rate}${left}`;
}

/** @param {Rebuild} rebuild @param {Command} command */
function actionsOf({ id, finishedAt, paused, generation }, command) {
  if (finishedAt !== null) return element('div', { className: 'actions', hidden: true });
  const change = (/** @type {string} */ name, /** @type {string} */ done) =>
    command(done, () => operate('POST', `admin/rebuilds/${encodeURIComponent(id)}/${name}`));
  const pause = paused
    ? button(['Resume'], () => change('resume', 'It goes on.'))
    : button(['Pause'], () => change('pause', 'It is paused; live writes go on.'));
  const cancel = button(['Cancel'], async () => {
    const text = `What it has built of ${generation || 'the new generation'} is dropped; the live one is not touched.`;
    if (await confirmed({ title: 'Cancel the rebuild?', text, action: 'Cancel the rebuild' })) {
      await change('cancel', 'It is being cancelled.');
    }
  });
  return element('div', { className: 'actions' }, [pause, cancel]);
}

/** Those that the service still knows of, the newest first; it tells them all at once. */
function createRebuildTable() {
  const heads = ['Started', 'What', 'Generation', 'State', 'Took', 'Error'];
  const shown = table('Rebuilds, the newest first', heads, []);
  find('#rebuilds', HTMLElement).append(shown);
  return createKeptList({
    frame: find('#rebuilds tbody', HTMLElement),
    heading: shown,
    idOf: (/** @type {Rebuild} */ { id }) => id,
    make: rebuildRow,
    keyOf: ({ generation, state, finishedAt, error }) => JSON.stringify([generation, state, finishedAt, error]),
  });
}

/** @param {Rebuild} rebuild */
function rebuildRow({ startedAt, finishedAt, kind, projection, source, generation, state, error }) {
  return row([
    instant(startedAt),
    kind === 'activation' ? 'activation' : `${projection} from ${source}`,
    generation,
    state,
    finishedAt === null ? '–' : ageText((Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000),
    error ?? '',
  ]);
}
