import { styleText } from 'node:util';
import type { Output } from './context.ts';
import { printable } from './table.ts';

/** What of a rebuild its progress is drawn from. */
export interface RebuildState {
  readonly source: string;
  readonly state: string;
  readonly processed: number;
  readonly total: number | null;
  readonly ratePerSecond: number | null;
  readonly etaSeconds: number | null;
  readonly paused: boolean;
  readonly stalled: string | null;
}

/** Where the progress of a rebuild is shown. */
export interface ProgressView<T> {
  show(rebuild: T): void;
  /** Makes room for a line of another kind. */
  clear(): void;
}

/** What the terminal can do, as the environment says. */
export interface TerminalSettings {
  readonly isColoured: boolean;
  /** Whether a line can be drawn again in its place. */
  readonly canRedraw: boolean;
}

const MIN_BAR = 10;
const MAX_BAR = 40;
const DEFAULT_COLUMNS = 80;
const LINE_EVERY_MS = 5_000;
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** By the conventions NO_COLOR (no-color.org) and TERM=dumb. */
export function terminalSettings(
  { isTTY = false }: Output,
  env: Readonly<Record<string, string | undefined>>,
): TerminalSettings {
  const canRedraw = isTTY && env['TERM'] !== 'dumb';
  return { canRedraw, isColoured: canRedraw && !env['NO_COLOR'] };
}

/** A bar that is drawn again in its place in a terminal; elsewhere a line on a change of state, and every five seconds. */
export function progressView(
  stdout: Output,
  settings: TerminalSettings,
  nowMs: () => number,
): ProgressView<RebuildState> {
  return settings.canRedraw ? barView(stdout, settings.isColoured) : lineView(stdout, nowMs);
}

function barView(stdout: Output, isColoured: boolean): ProgressView<RebuildState> {
  return {
    show(rebuild) {
      const line = barLine(rebuild, (stdout.columns ?? DEFAULT_COLUMNS) - 1);
      stdout.write(`\r${isColoured ? coloured(line, rebuild) : line}\u001b[K`);
    },
    clear: () => stdout.write('\r\u001b[K'),
  };
}

function lineView(stdout: Output, nowMs: () => number): ProgressView<RebuildState> {
  let told = { standing: '', atMs: 0 };
  return {
    show(rebuild) {
      const standing = [rebuild.state, ...notesOn(rebuild)].join(', ');
      if (standing === told.standing && nowMs() - told.atMs < LINE_EVERY_MS) return;
      told = { standing, atMs: nowMs() };
      stdout.write(`${plainLine(rebuild)}\n`);
    },
    clear: () => undefined,
  };
}

/** State, share, counts, rate, time left, and what holds it up: a line for a log. */
export function plainLine(rebuild: RebuildState): string {
  const { percent, counts, rate, left } = factsOf(rebuild);
  return [[rebuild.state, percent].filter(Boolean).join(' '), counts, rate, left, ...notesOn(rebuild)]
    .filter(Boolean)
    .join(', ');
}

/** As much as fits into the columns: what matters least is left out first. */
export function barLine(rebuild: RebuildState, columns: number): string {
  const { share, percent, counts, rate, left } = factsOf(rebuild);
  const [state, notes] = [rebuild.state, notesOn(rebuild).join(', ')];
  const choices = [
    [percent, counts, rate, left, notes],
    [percent, rate, left, notes],
    [percent, left, notes],
    [percent, notes],
  ].map((facts) => facts.filter(Boolean).join('  '));
  for (const facts of choices) {
    const room = columns - state.length - facts.length - '  []  '.length;
    if (share !== undefined && room >= MIN_BAR) return `${state}  ${bar(share, Math.min(room, MAX_BAR))}  ${facts}`;
    if (share === undefined && room >= 0) return `${state}  ${facts}`.trimEnd();
  }
  return [...`${state} ${choices.at(-1) ?? ''}`.trimEnd()].slice(0, Math.max(0, columns)).join('');
}

function bar(share: number, width: number): string {
  const filled = Math.floor(share * width);
  return `[${'#'.repeat(filled)}${'-'.repeat(width - filled)}]`;
}

function factsOf({ source, processed, total, ratePerSecond, etaSeconds, paused }: RebuildState) {
  // An estimate may be passed.
  const share = total === null ? undefined : total === 0 ? 1 : Math.min(1, processed / total);
  const of = total === null ? '' : ` of ${source === 'history' ? 'about ' : ''}${WHOLE.format(total)}`;
  const moves = !paused;
  return {
    share,
    percent: share === undefined ? '' : `${Math.floor(share * 100)} %`,
    counts: `${WHOLE.format(processed)}${of}`,
    rate: moves && ratePerSecond !== null ? `${WHOLE.format(ratePerSecond)}/s` : '',
    left: moves && etaSeconds !== null ? `${duration(etaSeconds)} left` : '',
  };
}

function notesOn({ paused, stalled }: RebuildState): string[] {
  return [...(paused ? ['paused'] : []), ...(stalled === null ? [] : [`stalled: ${printable(stalled)}`])];
}

/** `45 s`, `2 min 5 s`, `3 h 12 min`, `2 d 4 h` */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [minutes, hours, days] = [Math.floor(whole / 60), Math.floor(whole / 3_600), Math.floor(whole / 86_400)];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${whole % 60} s`;
  return `${whole} s`;
}

function coloured(line: string, { state, paused, stalled }: RebuildState): string {
  const colour = state === 'FAILED' ? 'red' : paused || stalled !== null || state === 'CANCELLED' ? 'yellow' : 'green';
  // Whether to colour was decided by who asks.
  const paint = (text: string) => styleText(colour, text, { validateStream: false });
  const rest = line.startsWith(state) ? line.slice(state.length) : '';
  return rest === '' ? line : paint(state) + rest.replace(/#+/, paint);
}
