/** The ways in which Elasticsearch quotes a document's value, and Node a message's text, in a line of JSON. */
const QUOTED_VALUES = [
  /(Preview of field's value: ')(?:[^'\\]|\\.|'(?![";,]))*(')/g,
  /(For input string: \\")(?:[^"\\]|\\[^"])*(\\")/g,
  /(failed to parse date field \[)[^\]]*(\])/g,
  /(Unexpected token [^"]*\\")(?:[^"\\]|\\.)*?(\\"(?:\.\.\.)? is not valid JSON)/g,
];

/** A line of JSON without what an error quotes of an order: that would outlive the order's erasure. */
export function lineWithoutQuotedValues(line: string): string {
  return QUOTED_VALUES.reduce((text, quoted) => text.replace(quoted, '$1[redacted]$2'), line);
}

/** The same of a plain text. */
export function withoutQuotedValues(text: string): string {
  return JSON.parse(lineWithoutQuotedValues(JSON.stringify(text))) as string;
}
