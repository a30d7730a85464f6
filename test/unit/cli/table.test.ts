import assert from 'node:assert/strict';
import { printable, tableOf } from '../../../src/cli/table.ts';

describe('tableOf', () => {
  it('aligns columns, cuts long cells, and fills in for what is not there', () => {
    const rows = [{ id: 'a', count: 1 }, { id: 'x'.repeat(70) }];
    const table = tableOf<{ id: string; count?: number }>(
      [
        ['ID', ({ id }) => id],
        ['COUNT', ({ count }) => count],
      ],
      rows,
    );
    const width = 60;
    assert.equal(table, `${'ID'.padEnd(width)}  COUNT\n${'a'.padEnd(width)}  1\n${'x'.repeat(width - 1)}…  -\n`);
  });
});

describe('printable', () => {
  it('leaves nothing that a terminal obeys', () => {
    assert.equal(printable('a\u001b[2J\u0007b\u009bc\u202ed\ne'), 'a\\u001b[2J\\u0007b\\u009bc\\u202ed e');
    assert.equal(printable('Zürich 田中 \u{1F4E6}'), 'Zürich 田中 \u{1F4E6}');
  });
});
