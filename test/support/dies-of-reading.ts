/**
 * Loaded before the service (`--import`): it is killed as soon as it parses a JSON text with the marker in it, before anything else can
 * be done. What such a message is like in the wild nobody knows; that it kills while it is parsed is all there is to it.
 */
const MARKER = 'deadly to read';
const parse = JSON.parse.bind(JSON);

JSON.parse = (text: string, reviver?: Parameters<typeof JSON.parse>[1]): unknown => {
  if (text.includes(MARKER)) process.kill(process.pid, 'SIGKILL');
  return parse(text, reviver) as unknown;
};
