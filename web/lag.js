import { find } from './dom.js';
import { ageText } from './format.js';
import { createFreshness } from './freshness.js';
import { service } from './search-client.js';
import uPlot from './vendor/uplot.js';

const KEPT_SECONDS = 600;
const UNSEEN_SECONDS = 15;
const MINUTES_AGO = [9, 6, 3, 0];
const HEIGHT_PX = 140;
/** Below this the line would look like trouble where there is none. */
const LEAST_SCALE_SECONDS = 5;

/** What this tab has seen so far, across reloads. */
const STORED = 'order-search-lag';

/** How far answers are behind, as this tab has seen it since it was opened. */
export function createLag() {
  const frame = find('#lag', HTMLElement);
  const freshness = createFreshness(find('#freshness', HTMLElement));
  const { times, lags } = readStored();
  /** @type {uPlot | undefined} */
  let plot;

  function draw() {
    plot?.destroy();
    plot = new uPlot(optionsFor(frame), [times, lags], frame);
  }

  new ResizeObserver(() => plot?.setSize({ width: frame.clientWidth, height: HEIGHT_PX })).observe(frame);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  return {
    async sample() {
      const { lagSeconds } = await service.search({ size: 1 });
      const now = Date.now() / 1_000;
      freshness.answered(lagSeconds);
      // While nobody looked nothing was seen: no line leads over it.
      if (now - (times.at(-1) ?? now) > UNSEEN_SECONDS) {
        times.push(now - 1);
        lags.push(null);
      }
      times.push(now);
      lags.push(lagSeconds);
      while ((times[0] ?? now) < now - KEPT_SECONDS) {
        times.shift();
        lags.shift();
      }
      sessionStorage.setItem(STORED, JSON.stringify({ times, lags }));
      if (plot) plot.setData([times, lags]);
      else draw();
      frame.ariaLabel = `How far answers were behind: now ${ageText(lagSeconds)}, at most ${ageText(Math.max(...lags.map(Number)))}`;
    },
  };
}

/** Of a tab that was duplicated or left open it may be long past: what is too old goes with the next sample. @returns {{ times: number[], lags: (number | null)[] }} */
function readStored() {
  return JSON.parse(sessionStorage.getItem(STORED) ?? '{"times":[],"lags":[]}');
}

/** @param {HTMLElement} frame @returns {uPlot.Options} */
function optionsFor(frame) {
  const { color } = getComputedStyle(find('#freshness', HTMLElement));
  const stroke = getComputedStyle(find('.bar a', HTMLElement)).color;
  const axis = { stroke: color, grid: { show: false }, ticks: { show: false } };
  return {
    width: frame.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_plot, _min, max) => [max - KEPT_SECONDS, max] },
      y: { range: (_plot, _min, max) => [0, Math.max(LEAST_SCALE_SECONDS, (max ?? 0) * 1.1)] },
    },
    axes: [
      {
        ...axis,
        size: 30,
        splits: (_plot, _axis, _min, max) => MINUTES_AGO.map((minutes) => max - 60 * minutes),
        values: () => MINUTES_AGO.map((minutes) => (minutes === 0 ? 'now' : `${minutes} min ago`)),
      },
      { ...axis, size: 52, values: (_plot, ticks) => ticks.map(ageText) },
    ],
    series: [{}, { stroke, width: 2 }],
  };
}
