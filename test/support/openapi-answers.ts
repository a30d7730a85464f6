import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import type { OpenApiDocument, OpenApiHeader } from '../../src/http/openapi.ts';

export interface OpenApiAnswer {
  readonly status: number;
  readonly contentType: string | null;
  readonly text: string;
  /** Judged where they are given. */
  readonly headers?: Headers;
}

/** Headers that say what to do next: none comes of which the document says nothing. */
const TELLING = ['location', 'retry-after', 'www-authenticate'];

/** Judges answers by an OpenAPI document alone: what is wrong with an answer, or undefined. */
export function answerJudge(document: OpenApiDocument) {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'openapi', components: document.components });
  const known = new Map<object, ValidateFunction>();
  const validatorOf = (schema: object): ValidateFunction => {
    const rooted = JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components')) as object;
    const validate = known.get(schema) ?? ajv.compile(rooted);
    known.set(schema, validate);
    return validate;
  };
  return (method: string, path: string, { status, contentType, text, headers }: OpenApiAnswer): string | undefined => {
    const responses = document.paths[path]?.[method]?.responses ?? {};
    const response = responses[status] ?? (status < 400 ? undefined : responses['default']);
    if (!response) return `${status} is not told of ${method} ${path}`;
    const amiss = misheaded(headers, response.headers);
    if (amiss !== undefined) return amiss;
    if (!response.content) return text === '' ? undefined : `${status} has no body`;
    const mediaType = contentType?.split(';')[0] ?? '';
    const schema = response.content[mediaType]?.schema;
    if (!schema) return `${status} is not of ${mediaType}`;
    const validate = validatorOf(schema);
    const isRight = validate(mediaType.includes('json') ? JSON.parse(text) : text);
    return isRight ? undefined : `${ajv.errorsText(validate.errors)} in ${text.slice(0, 300)}`;
  };
}

/** What is wrong with the headers, or undefined. */
function misheaded(
  headers: Headers | undefined,
  told: Readonly<Record<string, OpenApiHeader>> = {},
): string | undefined {
  if (!headers) return undefined;
  const names = new Set(Object.keys(told).map((name) => name.toLowerCase()));
  const untold = TELLING.find((name) => headers.has(name) && !names.has(name));
  if (untold !== undefined) return `${untold} is not told of`;
  const [wrong] = Object.entries(told).filter(([name, { required, schema }]) => {
    const value = headers.get(name);
    return value === null ? required : schema['type'] === 'integer' && !/^\d+$/.test(value);
  });
  return wrong && `${wrong[0]} is ${headers.get(wrong[0])}`;
}
