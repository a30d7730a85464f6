/** A column and how a row fills it. */
export type Columns<Row> = readonly (readonly [title: string, cell: (row: Row) => string | number | undefined])[];

const MAX_CELL_CHARACTERS = 60;
const GAP = '  ';

/** A table as text, a line a row under a line of titles; cells are cut at 60 characters. */
export function tableOf<Row>(columns: Columns<Row>, rows: readonly Row[]): string {
  const lines = [
    columns.map(([title]) => title),
    ...rows.map((row) => columns.map(([, cell]) => shortened(printable(String(cell(row) ?? '-'))))),
  ];
  const widths = columns.map((_, column) => Math.max(...lines.map((cells) => cells[column]?.length ?? 0)));
  const text = lines.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  return `${text.join('\n')}\n`;
}

/** Without what a terminal would take for a command, or for the other direction: the text is a stranger's. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, (character) => {
    if (character === '\n' || character === '\t') return ' ';
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function shortened(text: string): string {
  return text.length > MAX_CELL_CHARACTERS ? `${text.slice(0, MAX_CELL_CHARACTERS - 1)}…` : text;
}
