import uPlot from './vendor/uplot.js';
import { money, percent } from './format.js';
import { decimalsOf } from './order/currency.ts';

/** @import { DailyRevenue } from './client/index.ts' */

const HEIGHT_PX = 300;
const DAY_SECONDS = 86_400;
const MARKER_PX = 4;
/** More markers than this would be a band. */
const MOST_MARKERS = 120;

/** Refunded ÷ revenue; null without revenue. @param {{ revenueCents: number, refundedCents: number }} day */
export function refundRate({ revenueCents, refundedCents }) {
  return revenueCents > 0 ? refundedCents / revenueCents : null;
}

/**
 * The days of one currency as lines that differ by dash and marker, not by colour alone.
 * @param {HTMLElement} frame
 * @param {HTMLElement} readout says what is under the pointer
 */
export function createRevenueChart(frame, readout) {
  /** @type {DailyRevenue[]} */
  let days = [];
  /** @type {uPlot | undefined} */
  let plot;

  function draw() {
    plot?.destroy();
    plot = days.length > 0 ? new uPlot(optionsFor(frame, days, readout), dataOf(days), frame) : undefined;
  }

  new ResizeObserver(() => plot?.setSize({ width: frame.clientWidth, height: HEIGHT_PX })).observe(frame);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
  return {
    /** @param {DailyRevenue[]} next in order, of one currency */
    show(next) {
      const same = next.length === days.length && next.every(({ day, currency }, at) => isOf(days[at], day, currency));
      days.splice(0, days.length, ...next);
      if (same && plot) plot.setData(dataOf(days));
      else draw();
    },
  };
}

/** @param {DailyRevenue | undefined} shown @param {string} day @param {string} currency */
function isOf(shown, day, currency) {
  return shown?.day === day && shown.currency === currency;
}

/** @param {DailyRevenue[]} days @returns {uPlot.AlignedData} */
function dataOf(days) {
  const unit = 10 ** decimalsOf(days[0]?.currency ?? 'EUR');
  return [
    days.map(({ day }) => Date.parse(day) / 1_000),
    days.map(({ revenueCents }) => revenueCents / unit),
    days.map(({ refundedCents }) => refundedCents / unit),
    days.map(refundRate),
  ];
}

/** @typedef {(context: CanvasRenderingContext2D, x: number, y: number, size: number) => void} Marker */

/** @type {Marker} */
const circle = (context, x, y, size) => context.arc(x, y, size, 0, 2 * Math.PI);
/** @type {Marker} */
const square = (context, x, y, size) => context.rect(x - size, y - size, 2 * size, 2 * size);
/** @type {Marker} */
const triangle = (context, x, y, size) => {
  context.moveTo(x, y - size);
  context.lineTo(x + size, y + size);
  context.lineTo(x - size, y + size);
  context.closePath();
};
const MARKERS = [circle, circle, square, triangle];

/**
 * @param {HTMLElement} frame
 * @param {DailyRevenue[]} days the array that is shown, whatever it holds then
 * @param {HTMLElement} readout
 * @returns {uPlot.Options}
 */
function optionsFor(frame, days, readout) {
  const currency = days[0]?.currency ?? 'EUR';
  const short = new Intl.NumberFormat(undefined, { style: 'currency', currency, notation: 'compact' });
  const line = { points: { show: false }, width: 2 };
  const [soft, grid] = [colourOf(document.body, '--soft'), colourOf(document.body, '--line')];
  const axis = { stroke: soft, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  return {
    width: frame.clientWidth,
    height: HEIGHT_PX,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { range: (_plot, min, max) => [min - DAY_SECONDS / 2, max + DAY_SECONDS / 2] },
      y: { range: (_plot, _min, max) => [0, (max || 1) * 1.08] },
      rate: { range: (_plot, _min, max) => [0, Math.max(1, max ?? 0)] },
    },
    axes: [
      {
        ...axis,
        size: 34,
        values: '{D} {MMM}',
        incrs: [1, 2, 7, 14, 30, 90].map((count) => count * DAY_SECONDS),
        space: 56,
      },
      { ...axis, size: 74, values: (_plot, ticks) => ticks.map((tick) => short.format(tick)) },
      {
        ...axis,
        scale: 'rate',
        side: 1,
        size: 52,
        grid: { show: false },
        values: (_plot, ticks) => ticks.map(percent),
      },
    ],
    series: [
      {},
      { ...line, stroke: colourOf(frame, '--accent') },
      { ...line, stroke: colourOf(frame, '--red'), dash: [8, 4] },
      { ...line, stroke: colourOf(frame, '--violet'), dash: [2, 4], scale: 'rate', spanGaps: false },
    ],
    hooks: {
      drawClear: [(plot) => hatchProvisional(plot, days, grid)],
      drawSeries: [drawMarkers],
      setCursor: [({ cursor }) => (readout.textContent = described(days[cursor.idx ?? -1]))],
    },
  };
}

/** A variable's colour as a canvas takes it. @param {Element} within @param {string} variable */
function colourOf(within, variable) {
  const probe = document.createElement('i');
  probe.style.color = `var(${variable})`;
  within.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** @param {uPlot} plot @param {number} index */
function drawMarkers({ ctx, data, series, valToPos }, index) {
  const [times] = data;
  const { stroke, scale = 'y' } = series[index] ?? {};
  if (times.length > MOST_MARKERS || typeof stroke !== 'function') return;
  const marker = MARKERS[index] ?? circle;
  ctx.save();
  ctx.fillStyle = /** @type {string} */ (/** @type {Function} */ (stroke)());
  data[index]?.forEach((value, at) => {
    // Days without refunds would hide one another, and the axis.
    if (value === null || value === undefined || (value === 0 && index > 1)) return;
    ctx.beginPath();
    marker(ctx, valToPos(times[at] ?? 0, 'x', true), valToPos(value, scale, true), MARKER_PX * devicePixelRatio);
    ctx.fill();
  });
  ctx.restore();
}

/** Days that may still change, hatched. @param {uPlot} plot @param {DailyRevenue[]} days @param {string} colour */
function hatchProvisional({ ctx, bbox, valToPos }, days, colour) {
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = devicePixelRatio;
  for (const { day } of days.filter(({ final }) => !final)) {
    const at = Date.parse(day) / 1_000;
    const left = Math.max(bbox.left, valToPos(at - DAY_SECONDS / 2, 'x', true));
    const right = Math.min(bbox.left + bbox.width, valToPos(at + DAY_SECONDS / 2, 'x', true));
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.beginPath();
    for (let x = left - bbox.height; x < right; x += 10 * devicePixelRatio) {
      ctx.moveTo(x, bbox.top + bbox.height);
      ctx.lineTo(x + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
  ctx.restore();
}

/** @param {DailyRevenue | undefined} day */
function described(day) {
  if (!day) return '\u00a0';
  const { currency, revenueCents, refundedCents, final } = day;
  const rate = percent(refundRate(day));
  const parts = [
    `revenue ${money(revenueCents, currency)}`,
    `refunds ${money(refundedCents, currency)}`,
    `rate ${rate}`,
  ];
  return `${day.day}: ${parts.join(', ')}${final ? '' : ', provisional'}`;
}
