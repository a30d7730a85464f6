import { find } from './dom.js';
import { ageText, whole } from './format.js';
import { createFreshness } from './freshness.js';
import { createNewest } from './newest.js';
import { service } from './search-client.js';
import uPlot from './vendor/uplot.js';

/** @import { LagAnswer } from './client/index.ts' */

const KEPT_SECONDS = 900;
/** While nobody looked, or the service was stopped, nothing was seen: no line leads over it. */
const UNSEEN_SECONDS = 15;
/** As much of the time as the record has, with what is written below it. */
const SPANS = [
  { minutes: 3, ticks: [2, 1, 0] },
  { minutes: 6, ticks: [4, 2, 0] },
];
const WHOLE_SPAN = { minutes: KEPT_SECONDS / 60, ticks: [10, 5, 0] };
const HEIGHT_PX = 160;
/** Below this the line would look like trouble where there is none. */
const LEAST_SCALE_SECONDS = 5;

/** How far answers are behind: over the last minutes, as the service remembers it, and on from there. */
export function createLag() {
  const frame = find('#lag', HTMLElement);
  const queued = find('#queued', HTMLElement);
  const freshness = createFreshness(find('#freshness', HTMLElement));
  /** The oldest first. @type {LagAnswer['items']} */
  let seen = [];
  /** @type {uPlot.AlignedData} */
  let drawn = [[], []];
  /** @type {uPlot | undefined} */
  let plot;
  const looks = createNewest();

  function draw() {
    plot?.destroy();
    plot = new uPlot(optionsFor(frame), drawn, frame);
  }

  /** @param {AbortSignal} signal */
  async function ask(signal) {
    freshness.asked();
    try {
      return await service.lag({ since: seen.at(-1)?.at, signal });
    } catch (error) {
      freshness.failed(error);
      throw error;
    }
  }

  new ResizeObserver(() => plot?.setSize({ width: frame.clientWidth, height: HEIGHT_PX })).observe(frame);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  return {
    /** Shows nothing any more. */
    forget() {
      [seen, drawn] = [[], [[], []]];
      freshness.forget();
      plot?.destroy();
      plot = undefined;
      frame.ariaLabel = queued.textContent = '\u00a0';
    },
    /**
     * @param {AbortSignal} signal
     * @throws {import('./client/index.ts').OrderSearchProblem | import('./search-client.js').NoAnswer} or what the signal was aborted with
     */
    async update(signal) {
      const answer = await looks.of(ask(signal));
      if (!answer) return;
      // By the service's clock: this computer's may be another.
      const now = Date.parse(answer.asOf) / 1_000 + answer.lagSeconds;
      seen = [...seen, ...answer.items].filter(({ at }) => Date.parse(at) / 1_000 >= now - KEPT_SECONDS);
      freshness.answered(answer.lagSeconds);
      queued.textContent = queuedText(answer.messages);
      // Before the first heartbeat has come through it is as of 1970.
      const lagNow = Date.parse(answer.asOf) > 0 ? answer.lagSeconds : null;
      drawn = dataOf([...seen.map(({ at, lagSeconds }) => pointOf(Date.parse(at) / 1_000, lagSeconds)), [now, lagNow]]);
      if (plot) plot.setData(drawn);
      else draw();
      frame.ariaLabel = describedLag(drawn, lagNow);
    },
  };
}

/** @typedef {[seconds: number, lag: number | null]} Point */

/** @param {number} seconds @param {number | null} lag @returns {Point} */
const pointOf = (seconds, lag) => [seconds, lag];

/** @param {Point[]} points @returns {uPlot.AlignedData} */
function dataOf(points) {
  const whole = points.flatMap(([seconds, lag], at) => {
    const before = points[at - 1]?.[0] ?? seconds;
    return seconds - before > UNSEEN_SECONDS
      ? [pointOf(seconds - 1, null), pointOf(seconds, lag)]
      : [pointOf(seconds, lag)];
  });
  return [whole.map(([seconds]) => seconds), whole.map(([, lag]) => lag)];
}

/** @param {number | null} messages */
function queuedText(messages) {
  if (messages === null) return 'The broker does not say how many messages wait';
  if (messages === 0) return 'No message waits';
  return messages === 1 ? '1 message waits' : `${whole(messages)} messages wait`;
}

/** @param {uPlot.AlignedData} drawn @param {number | null} lagNow */
function describedLag([times, lags = []], lagNow) {
  const over = ageText((times.at(-1) ?? 0) - (times[0] ?? 0));
  const most = Math.max(...[...lags].map(Number));
  const now = lagNow === null ? 'not known yet' : ageText(lagNow);
  return `How far answers were behind over the last ${over}: now ${now}, at most ${ageText(most)}`;
}

/** @param {uPlot} plot */
function spanOf({ data: [times] }) {
  const seconds = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return SPANS.find(({ minutes }) => seconds <= minutes * 60) ?? WHOLE_SPAN;
}

/** @param {HTMLElement} frame @returns {uPlot.Options} */
function optionsFor(frame) {
  const { color } = getComputedStyle(find('#freshness', HTMLElement));
  const stroke = getComputedStyle(find('.bar a', HTMLElement)).color;
  const grid = { stroke: getComputedStyle(find('section', HTMLElement)).borderTopColor, width: 1 };
  const axis = { stroke: color, grid, ticks: { show: false } };
  return {
    width: frame.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (plot, _min, max) => [max - spanOf(plot).minutes * 60, max] },
      y: { range: (_plot, _min, max) => [0, Math.max(LEAST_SCALE_SECONDS, (max ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        splits: (plot, _axis, _min, max) => spanOf(plot).ticks.map((minutes) => max - 60 * minutes),
        values: (plot) => spanOf(plot).ticks.map((minutes) => (minutes === 0 ? 'now' : `${minutes} min ago`)),
      },
      { ...axis, size: 52, values: (_plot, ticks) => ticks.map(ageText) },
    ],
    series: [{}, { stroke, width: 2, fill: `color-mix(in srgb, ${stroke} 14%, transparent)`, points: { show: false } }],
  };
}
