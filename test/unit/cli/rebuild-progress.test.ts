import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import { barLine, duration, plainLine, progressView, terminalSettings } from '../../../src/cli/rebuild-progress.ts';
import type { RebuildState } from '../../../src/cli/rebuild-progress.ts';

const COPYING: RebuildState = {
  ...{ source: 'index', state: 'COPY', processed: 420_000, total: 1_000_000 },
  ...{ ratePerSecond: 12_345.6, etaSeconds: 47, paused: false, stalled: null },
};
const BEGUN: RebuildState = {
  ...COPYING,
  state: 'SNAPSHOT',
  processed: 0,
  total: null,
  ratePerSecond: null,
  etaSeconds: null,
};

/** A terminal, or a file, that keeps what is written to it. */
function screen(isTTY: boolean, columns?: number) {
  const written: string[] = [];
  return { isTTY, ...(columns !== undefined && { columns }), written, write: (text: string) => written.push(text) };
}

describe('barLine', () => {
  describe('when there is room', () => {
    it('shows the share as a bar, the counts, the rate and the time left', () => {
      assert.equal(
        barLine(COPYING, 100),
        'COPY  [################------------------------]  42 %  420,000 of 1,000,000  12,346/s  47 s left',
      );
    });

    it('never grows the bar beyond 40 characters', () => {
      assert.match(barLine(COPYING, 300), /\[[#-]{40}\]/);
    });
  });

  describe('when there is little', () => {
    it('leaves out what matters least, and never passes the width', () => {
      for (let columns = 0; columns <= 120; columns += 1) {
        for (const state of [COPYING, BEGUN, { ...COPYING, paused: true, stalled: 'the index does not answer' }]) {
          assert.ok(barLine(state, columns).length <= columns, `${columns}: ${barLine(state, columns)}`);
        }
      }
      assert.equal(barLine(COPYING, 60), 'COPY  [##########---------------]  42 %  12,346/s  47 s left');
      assert.equal(barLine(COPYING, 40), 'COPY  [######---------]  42 %  47 s left');
      assert.equal(barLine(COPYING, 12), 'COPY 42 %');
    });
  });

  describe('when the total is not known', () => {
    it('shows no bar', () => assert.equal(barLine(BEGUN, 80), 'SNAPSHOT  0'));
  });

  describe('when an estimate is passed, or there is nothing to do', () => {
    it('is full', () => {
      assert.match(barLine({ ...COPYING, processed: 2_000_000 }, 60), /\[#+\] {2}100 %/);
      assert.match(barLine({ ...COPYING, processed: 0, total: 0 }, 60), /\[#+\] {2}100 %/);
    });
  });
});

describe('plainLine', () => {
  it('tells all of it', () => {
    assert.equal(plainLine(COPYING), 'COPY 42 %, 420,000 of 1,000,000, 12,346/s, 47 s left');
    assert.equal(plainLine(BEGUN), 'SNAPSHOT, 0');
    assert.match(plainLine({ ...COPYING, source: 'history' }), /420,000 of about 1,000,000/);
  });

  it('tells what holds it up, instead of a rate that is none', () => {
    assert.equal(plainLine({ ...COPYING, paused: true }), 'COPY 42 %, 420,000 of 1,000,000, paused');
    const stalled = plainLine({
      ...COPYING,
      ratePerSecond: 0,
      etaSeconds: null,
      stalled: 'Elasticsearch\u001b[2J is away',
    });
    assert.equal(stalled, 'COPY 42 %, 420,000 of 1,000,000, 0/s, stalled: Elasticsearch\\u001b[2J is away');
  });
});

describe('duration', () => {
  it('names two units at most', () => {
    assert.deepEqual([0, 59.6, 61, 3_599, 3_600, 86_399, 93_600].map(duration), [
      ...['0 s', '1 min 0 s', '1 min 1 s', '59 min 59 s'],
      ...['1 h 0 min', '23 h 59 min', '1 d 2 h'],
    ]);
  });
});

describe('terminalSettings', () => {
  it('asks the terminal and the environment', () => {
    const [terminal, file] = [screen(true), screen(false)];
    assert.deepEqual(terminalSettings(terminal, {}), { canRedraw: true, isColoured: true });
    assert.deepEqual(terminalSettings(terminal, { NO_COLOR: '1' }), { canRedraw: true, isColoured: false });
    assert.deepEqual(terminalSettings(terminal, { NO_COLOR: '' }), { canRedraw: true, isColoured: true });
    assert.deepEqual(terminalSettings(terminal, { TERM: 'dumb' }), { canRedraw: false, isColoured: false });
    assert.deepEqual(terminalSettings(file, {}), { canRedraw: false, isColoured: false });
  });
});

describe('progressView', () => {
  describe('when it is a terminal', () => {
    it('draws one line again and again in its place', () => {
      const terminal = screen(true, 60);
      const view = progressView(terminal, { canRedraw: true, isColoured: false }, () => 0);
      view.show(BEGUN);
      view.show(COPYING);
      view.clear();
      assert.deepEqual(terminal.written, [
        '\r' + barLine(BEGUN, 59) + '\u001b[K',
        '\r' + barLine(COPYING, 59) + '\u001b[K',
        '\r\u001b[K',
      ]);
    });

    it('colours state and bar without changing the width', () => {
      const colourOf = (changes: Partial<RebuildState>) => {
        const terminal = screen(true, 60);
        progressView(terminal, { canRedraw: true, isColoured: true }, () => 0).show({ ...COPYING, ...changes });
        const [line = ''] = terminal.written;
        assert.equal(stripVTControlCharacters(line), `\r${barLine({ ...COPYING, ...changes }, 59)}`);
        return [...line.matchAll(/\u001b\[(3[0-7])m/g)].map(([, code]) => code);
      };
      assert.deepEqual(colourOf({}), ['32', '32']);
      assert.deepEqual(colourOf({ paused: true }), ['33', '33']);
      assert.deepEqual(colourOf({ state: 'FAILED' }), ['31', '31']);
    });
  });

  describe('when it is not', () => {
    it('writes a line on a change of state, and every five seconds', () => {
      const file = screen(false);
      let nowMs = 0;
      const view = progressView(file, { canRedraw: false, isColoured: false }, () => nowMs);
      const shown = [
        ...([
          [0, BEGUN],
          [100, BEGUN],
          [200, COPYING],
          [1_000, { ...COPYING, processed: 500_000 }],
        ] as const),
        ...([
          [5_100, { ...COPYING, processed: 600_000 }],
          [5_300, { ...COPYING, processed: 700_000 }],
        ] as const),
        ...([
          [5_400, { ...COPYING, paused: true }],
          [5_500, COPYING],
        ] as const),
      ];
      for (const [atMs, state] of shown) {
        nowMs = atMs;
        view.show(state);
      }
      view.clear();
      assert.deepEqual(
        file.written.map((line) => line.split(',').slice(0, 2).join()),
        ['SNAPSHOT, 0\n', 'COPY 42 %, 420', 'COPY 70 %, 700', 'COPY 42 %, 420', 'COPY 42 %, 420'],
      );
      assert.match(file.written[3] ?? '', /paused\n$/);
    });
  });
});
