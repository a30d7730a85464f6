import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { later, parseInstant } from '../../../src/order/instant.ts';

const FIRST = Date.parse('0001-01-01T00:00:00Z');
const LAST = Date.parse('9999-12-31T23:59:59.999Z');
const epochMs = fc.integer({ min: FIRST, max: LAST });

describe('parseInstant', () => {
  const read: [text: string, instant: string][] = [
    ['2010-12-01T08:01:00Z', '2010-12-01T08:01:00.000Z'],
    ['2010-12-01t08:01:00z', '2010-12-01T08:01:00.000Z'],
    ['2010-12-01T08:01:00.5Z', '2010-12-01T08:01:00.500Z'],
    ['2010-12-01T08:01:00.9999999999999Z', '2010-12-01T08:01:00.999Z'],
    ['2010-12-01T08:01:00+05:30', '2010-12-01T02:31:00.000Z'],
    ['2010-12-01T08:01:00-23:59', '2010-12-02T08:00:00.000Z'],
    ['2010-12-01T00:00:00.25+00:01', '2010-11-30T23:59:00.250Z'],
    ['2010-12-01T08:01:00-00:00', '2010-12-01T08:01:00.000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
    ['0000-12-31T23:59:00-00:01', '0001-01-01T00:00:00.000Z'],
  ];
  for (const [text, instant] of read) {
    it(`reads ${text} as ${instant}`, () => assert.equal(parseInstant(text), instant));
  }

  const refused = [
    ...[
      '',
      'now',
      '2010-12-01',
      '2010-12-01T08:01Z',
      '2010-12-01T08:01:00',
      '2010-12-01 08:01:00Z',
      '20101201T080100Z',
    ],
    ...[
      '2010-12-01T08:01:60Z',
      '2010-12-01T24:00:00Z',
      '2010-12-01T08:60:00Z',
      '2010-12-01T08:01:00.Z',
      '2010-12-01T08:01:00,5Z',
    ],
    ...[
      '2010-02-29T08:01:00Z',
      '1900-02-29T08:01:00Z',
      '2010-04-31T08:01:00Z',
      '2010-00-01T08:01:00Z',
      '2010-13-01T08:01:00Z',
    ],
    ...[
      '2010-12-00T08:01:00Z',
      '2010-12-32T08:01:00Z',
      '2010-12-01T08:01:00+24:00',
      '2010-12-01T08:01:00+0530',
      '2010-12-01T08:01:00+05',
    ],
    ...[
      '0000-01-01T00:00:00Z',
      '0001-01-01T00:00:00+00:01',
      '9999-12-31T23:59:59-00:01',
      '-2010-12-01T08:01:00Z',
      '+002010-12-01T08:01:00Z',
    ],
    ...[
      '2010-12-01T08:01:00Z ',
      ' 2010-12-01T08:01:00Z',
      '2010-12-01T08:01:00Z\n',
      '２010-12-01T08:01:00Z',
      '2010-12-01T08:01:00 Z',
    ],
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.equal(parseInstant(text), undefined));
  }

  it('gives every instant of the years 0001 to 9999 back', () => {
    fc.assert(
      fc.property(epochMs, (ms) => {
        const text = new Date(ms).toISOString();
        assert.equal(parseInstant(text), text);
      }),
    );
  });

  it('reads every offset as Date does', () => {
    const offset = fc
      .tuple(fc.constantFrom('+', '-'), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map(([sign, hours, minutes]) => `${sign}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`);
    fc.assert(
      fc.property(fc.integer({ min: FIRST + 2 * 86_400_000, max: LAST - 2 * 86_400_000 }), offset, (ms, zone) => {
        const text = `${new Date(ms).toISOString().slice(0, -1)}${zone}`;
        assert.equal(parseInstant(text), new Date(text).toISOString());
      }),
    );
  });

  it('never throws', () => {
    const alike = fc.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,5})?(Z|[+-]\d\d:\d\d)$/);
    fc.assert(
      fc.property(fc.oneof(alike, fc.string()), (text) => void parseInstant(text)),
      { numRuns: 500 },
    );
  });
});

describe('later', () => {
  it('is the later of two instants', () => {
    fc.assert(
      fc.property(epochMs, epochMs, (a, b) => {
        const [first, second] = [new Date(a).toISOString(), new Date(b).toISOString()];
        assert.equal(later(first, second), new Date(Math.max(a, b)).toISOString());
      }),
    );
  });
});
