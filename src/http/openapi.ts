import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { NO_SUCH_THING } from './problem-details.ts';
import type { Route } from './route.ts';

/** JSON Schema 2020-12, which is OpenAPI 3.1's. */
type JsonSchema = Readonly<Record<string, unknown>>;

export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, JsonSchema>>;
    readonly securitySchemes: Readonly<Record<string, JsonSchema>>;
  };
}

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, Response>>;
  readonly security?: readonly [];
}

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly required: boolean;
  readonly schema: JsonSchema;
}

export interface OpenApiHeader {
  readonly description: string;
  /** Whether it always comes. */
  readonly required: boolean;
  readonly schema: JsonSchema;
}

interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, OpenApiHeader>>;
  readonly content?: Content;
}

type Content = Readonly<Record<string, { readonly schema: JsonSchema }>>;

const problem = z
  .object({
    type: z.string().meta({
      description: `\`${NO_SUCH_THING}\` where there is no such thing, or none that the caller may see; \`about:blank\` otherwise, also for a 404 where the address is wrong.`,
    }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .optional()
      .meta({
        description:
          'What is wrong with the input, by parameter; `url`, `body` or `request` where that cannot be read at all.',
      }),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' });

const DESCRIPTION =
  'Finds orders. Every read says how fresh it is. The answer includes every event published up to `asOf`, except events that are parked or dead-lettered (`/health` says how many). Filters of different names are ANDed, repeats of one name ORed. What a caller may not see is 404.';

/** The interface as OpenAPI 3.1, made of the very schemas by which the routes take their input and the tests judge their answers. */
export function openApiDocument(routes: readonly Route[], version: string): OpenApiDocument {
  const schemas = new Map<string, JsonSchema>();
  const paths = Map.groupBy(routes, ({ path }) => path.replaceAll(/:(\w+)/g, '{$1}'));
  return {
    openapi: '3.1.0',
    info: { title: 'Order Search', version, description: DESCRIPTION },
    security: [{ bearer: [] }],
    paths: Object.fromEntries(
      [...paths].map(([path, ofPath]) => [
        path,
        Object.fromEntries(ofPath.map((route) => [route.method, operationOf(route, path, schemas)])),
      ]),
    ),
    components: {
      schemas: Object.fromEntries(schemas),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    },
  };
}

function operationOf(route: Route, path: string, schemas: Map<string, JsonSchema>): Operation {
  const { method, summary, access, params, query, body } = route;
  const [area = ''] = path.split('/').slice(path.startsWith('/admin/') ? 2 : 1);
  return {
    operationId: [method, ...path.split(/\W+/).filter(Boolean)].map(capitalised).join(''),
    summary,
    tags: [area.replace('.json', '')],
    parameters: [...parametersOf('path', params, schemas), ...parametersOf('query', query, schemas)],
    ...(body && {
      requestBody: {
        required: !body.safeParse({}).success,
        content: { 'application/json': { schema: schemaOf(body, 'input', schemas) } },
      },
    }),
    responses: responsesOf(route, schemas),
    ...(access === 'open' && { security: [] }),
  };
}

function capitalised(word: string, at: number): string {
  return at === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1);
}

function parametersOf(place: 'path' | 'query', object: z.ZodObject, schemas: Map<string, JsonSchema>): Parameter[] {
  const { properties = {} } = schemaOf(object, 'input', schemas) as { properties?: Record<string, JsonSchema> };
  return Object.entries(object.shape as Record<string, z.ZodType>).map(([name, type]) => {
    const absent = type.safeParse(undefined);
    const fallback = absent.success && absent.data !== undefined ? { default: absent.data } : {};
    return { name, in: place, required: !absent.success, schema: { ...properties[name], ...fallback } };
  });
}

function responsesOf(route: Route, schemas: Map<string, JsonSchema>): Readonly<Record<string, Response>> {
  const answers = Object.entries(route.answers).map(([status, schema]): [string, Response] => {
    const told = { description: STATUS_CODES[status] ?? 'Answered', ...headersOf(route, status) };
    if (schema instanceof z.ZodUndefined) return [status, told];
    const json = schemaOf(schema, 'output', schemas);
    const { contentMediaType: mediaType = 'application/json' } = json as { contentMediaType?: string };
    return [status, { ...told, content: { [mediaType]: { schema: mediaType === EVENTS ? untyped(json) : json } } }];
  });
  const content = { 'application/problem+json': { schema: schemaOf(problem, 'output', schemas) } };
  const problems = problemsOf(route).map((status): [string, Response] => [
    String(status),
    { description: STATUS_CODES[status] ?? 'Refused', ...PROBLEM_HEADERS[status], content },
  ]);
  return {
    ...Object.fromEntries(problems),
    ...Object.fromEntries(answers),
    default: { description: 'Anything else that is no success', content },
  };
}

const SECONDS = { type: 'integer', minimum: 0 };

/** Beside the problem: what to do next. */
const PROBLEM_HEADERS: Readonly<Record<number, Pick<Response, 'headers'>>> = {
  401: {
    headers: {
      'WWW-Authenticate': {
        description: '`Bearer`, with `error="invalid_token"` where one was sent.',
        ...{ required: true, schema: { type: 'string' } },
      },
    },
  },
  429: {
    headers: {
      'Retry-After': { description: 'In seconds, when to ask again.', ...{ required: true, schema: SECONDS } },
    },
  },
  503: {
    headers: {
      'Retry-After': {
        description: 'In seconds, when to ask again; without it, it does not pass by itself.',
        ...{ required: false, schema: SECONDS },
      },
    },
  },
};

function headersOf({ locations }: Route, status: string): Pick<Response, 'headers'> {
  const description = locations?.[Number(status)];
  if (description === undefined) return {};
  return {
    headers: { Location: { description, required: true, schema: { type: 'string', format: 'uri-reference' } } },
  };
}

const EVENTS = 'text/event-stream';

/** OpenAPI 3.1 has no way to say what one event of a stream is; whoever checks event by event would miss its text. */
function untyped({ description }: JsonSchema): JsonSchema {
  return { description };
}

/** What any route of its access and method may answer, and its own. */
function problemsOf({ access, unlimited, method, params, problems = [] }: Route): number[] {
  const own = [
    400,
    ...(unlimited ? [] : [429]),
    ...(access === 'open' ? [] : [401, 503]),
    ...(access === 'admin' || access === 'staff' ? [403] : []),
    ...(Object.keys(params.shape).length > 0 ? [404] : []),
    ...(method === 'post' ? [413, 415] : []),
  ];
  return [...new Set([...own, ...problems])].sort((a, b) => a - b);
}

/** Schemas that have an id are told once, among the components. */
function schemaOf(type: z.ZodType, io: 'input' | 'output', schemas: Map<string, JsonSchema>): JsonSchema {
  const {
    $schema: _$schema,
    $defs,
    ...schema
  } = z.toJSONSchema(type, {
    ...{ io, unrepresentable: 'any' },
    override: ({ jsonSchema }) => simplify(jsonSchema),
  }) as JsonSchema;
  for (const [name, named] of Object.entries(($defs ?? {}) as Record<string, JsonSchema>)) {
    const { id: _id, ...rest } = named;
    schemas.set(name, toComponents(rest));
  }
  return toComponents(schema);
}

function toComponents(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as JsonSchema;
}

/** Where a format or a number says it, the pattern of its text says nothing more. */
function simplify(schema: Record<string, unknown>): void {
  if (schema['format'] !== undefined || schema['type'] === 'integer') delete schema['pattern'];
}
