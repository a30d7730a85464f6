import type { SQLInputValue } from 'node:sqlite';

/** SQL and the values of its `?`, in order. */
export interface Sql {
  readonly text: string;
  readonly values: readonly SQLInputValue[];
}

/** An empty list is true. */
export function allOf(conditions: readonly Sql[]): Sql {
  return {
    text: conditions.length === 0 ? '1' : conditions.map(({ text }) => text).join(' AND '),
    values: conditions.flatMap(({ values }) => values),
  };
}

/** `column IN (?, …)` */
export function isAmong(column: string, values: readonly SQLInputValue[]): Sql {
  return { text: `${column} IN (${values.map(() => '?').join(', ')})`, values };
}
