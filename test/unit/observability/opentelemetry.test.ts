import assert from 'node:assert/strict';
import { startTracing } from '../../../src/observability/start-tracing.ts';
import type { SpanStart, TracePlace } from '../../../src/observability/tracing.ts';
import { recordSpans } from '../../support/recorded-spans.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const SAMPLED: TracePlace = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: 'vendor=1' };
const UNSAMPLED: TracePlace = { traceparent: `00-${TRACE}-${SPAN}-00` };

const rootOf = (kind: SpanStart['kind'] = 'internal'): SpanStart => ({ kind, parent: undefined });

describe('createTracing', () => {
  describe('when a span has a parent elsewhere', () => {
    it('goes on with its trace and its state', async () => {
      const spans = recordSpans();
      const place = await spans
        .tracingOf('test')
        .span('work', { kind: 'consumer', parent: SAMPLED }, async (span) => span.place);
      const [work] = spans.named('work');
      assert.equal(work?.traceId, TRACE);
      assert.equal(work.parentId, SPAN);
      assert.deepEqual(place, { traceparent: `00-${TRACE}-${work.spanId}-01`, tracestate: 'vendor=1' });
    });

    it('records nothing where the parent is not, and tells others not to', async () => {
      const spans = recordSpans();
      const { traceparent } = await spans
        .tracingOf('test')
        .span('work', { kind: 'consumer', parent: UNSAMPLED }, async (span) => span.place);
      assert.deepEqual(spans.named('work'), []);
      assert.match(traceparent, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    });

    for (const traceparent of ['', 'nonsense', `00-${'0'.repeat(32)}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`]) {
      it(`begins a trace of its own after '${traceparent}'`, async () => {
        const spans = recordSpans();
        await spans
          .tracingOf('test')
          .span('work', { kind: 'consumer', parent: { traceparent } }, async () => undefined);
        assert.equal(spans.named('work')[0]?.parentId, undefined);
      });
    }
  });

  describe('when a span follows from many others', () => {
    it('links each of a batch of the greatest size', async () => {
      const spans = recordSpans();
      const ids = Array.from({ length: 10_000 }, (_, index) => (index + 1).toString(16).padStart(16, '0'));
      const links = ids.map((id) => ({ traceparent: `00-${TRACE}-${id}-01` }));
      await spans.tracingOf('test').span('work', { ...rootOf(), links }, async () => undefined);
      assert.deepEqual(spans.named('work')[0]?.links, ids);
    });
  });

  describe('when work is run in a span', () => {
    it('tells what is done there which one it is, however long that waits, and nobody else', async () => {
      const tracing = recordSpans().tracingOf('test');
      await tracing.span('outer', rootOf(), async (outer) => {
        await Promise.resolve();
        assert.deepEqual(tracing.current(), outer.place);
        await tracing.span('inner', { kind: 'client', parent: tracing.current() }, async (inner) => {
          assert.deepEqual(tracing.current(), inner.place);
        });
        assert.deepEqual(tracing.current(), outer.place);
      });
      assert.equal(tracing.current(), undefined);
    });

    it('throws on what it throws, and says of what kind it was without its text', async () => {
      const spans = recordSpans();
      const work = async () => Promise.reject(new RangeError('of José'));
      await assert.rejects(spans.tracingOf('test').span('work', rootOf(), work), RangeError);
      assert.equal(spans.named('work')[0]?.failure, 'RangeError');
    });
  });
});

describe('startTracing', () => {
  describe('when there is no endpoint', () => {
    it('is nothing', async () => {
      assert.equal(await startTracing(undefined, 'test', { warn: () => assert.fail() }), undefined);
    });
  });

  describe('when no collector is there', () => {
    it('says so, and does not hold up the end', async () => {
      const told: object[] = [];
      const tracing = await startTracing('http://127.0.0.1:1', 'test', { warn: (fields) => void told.push(fields) });
      assert.ok(tracing);
      await tracing.span('work', rootOf(), async () => undefined);
      const startedAt = performance.now();
      await tracing.close();
      assert.ok(performance.now() - startedAt < 4_000);
      assert.match(JSON.stringify(told), /the last spans were not exported/);
    });
  });
});
