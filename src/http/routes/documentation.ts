import { z } from 'zod';
import { openApiDocument, type OpenApiDocument } from '../openapi.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

/** These routes, and the one that describes them all, itself included. */
export function withDocumentation(routes: readonly Route[], version: string): readonly Route[] {
  // Made when it is first asked for: that takes as long as a tenth of a start.
  let document: OpenApiDocument | undefined;
  const documented: Route = defineRoute({
    method: 'get',
    path: '/openapi.json',
    summary: 'This interface as an OpenAPI 3.1 document',
    access: 'open',
    params: z.object({}),
    query: z.strictObject({}),
    answers: { 200: z.looseObject({ openapi: z.literal('3.1.0'), paths: z.record(z.string(), z.unknown()) }) },
    handle: () => Promise.resolve({ body: (document ??= openApiDocument(all, version)) }),
  });
  const all = [...routes, documented];
  return all;
}
