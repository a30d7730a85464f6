import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { DATA_SCHEMAS } from '../../../src/order/event-schemas.ts';
import { parseEvent } from '../../../src/order/parse-event.ts';

interface Example {
  readonly type: string;
  readonly subject: string;
  readonly sequence: number;
  readonly data: unknown;
}

/** Each under the heading that names its type. */
function examples(): { readonly heading: string; readonly text: string }[] {
  const found = readFileSync('docs/events.md', 'utf8').matchAll(/^### (\S+)$[^]*?^```json\n([^]*?)^```$/gm);
  return Array.from(found, ([, heading = '', text = '']) => ({ heading, text }));
}

describe('docs/events.md', () => {
  it('has an example of every type of the contract, and of no other', () => {
    assert.deepEqual(
      examples()
        .map(({ heading }) => heading)
        .sort(),
      Object.keys(DATA_SCHEMAS).sort(),
    );
  });

  for (const { heading, text } of examples()) {
    it(`has an example that the service takes, with no field that it leaves out: ${heading}`, () => {
      const { type, subject, sequence, data } = JSON.parse(text) as Example;
      const parsed = parseEvent(Buffer.from(text), { maxMessageBytes: 4 * 1024 * 1024 });
      assert.ok(parsed.kind === 'event', JSON.stringify(parsed));
      assert.deepEqual(
        { orderId: parsed.orderId, type: parsed.event.type, sequence: parsed.event.sequence, data: parsed.event.data },
        { orderId: subject, type: heading, sequence, data },
      );
      assert.equal(type, heading);
    });
  }
});
