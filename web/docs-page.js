import { authorization, signIn } from './access-token.js';
import { find } from './dom.js';

/**
 * @typedef {{ type?: string | string[], format?: string, enum?: string[], items?: Schema, default?: unknown, description?: string,
 *   minimum?: number, maximum?: number, minLength?: number, maxLength?: number, pattern?: string, $ref?: string,
 *   properties?: Record<string, Schema>, required?: string[] }} Schema
 * @typedef {{ name: string, in: 'path' | 'query', required: boolean, schema: Schema }} Parameter
 * @typedef {Record<string, { schema: Schema }>} Content
 * @typedef {{ summary: string, tags: string[], parameters: Parameter[], requestBody?: { required: boolean, content: Content },
 *   responses: Record<string, { description: string, content?: Content }>, security?: unknown[] }} Operation
 * @typedef {{ info: { description: string, version: string }, paths: Record<string, Record<string, Operation>> }} OpenApi
 */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 * @param {(Node | string)[]} [children]
 * @param {string} [className]
 * @returns {HTMLElementTagNameMap[T]}
 */
function element(name, children = [], className = '') {
  const node = document.createElement(name);
  if (className !== '') node.className = className;
  node.append(...children);
  return node;
}

/** What a value must be, in a few words. @param {Schema} schema @returns {string} */
function described(schema) {
  if (schema.items) return `repeatable, separated by commas: ${described(schema.items)}`;
  const { minimum, maximum, maxLength, pattern } = schema;
  const parts = [
    schema.enum ? `one of ${schema.enum.join(', ')}` : [schema.format ?? schema.type ?? 'text'].flat().join(' or '),
    minimum === undefined || maximum === undefined || maximum === Number.MAX_SAFE_INTEGER
      ? ''
      : `${minimum} to ${maximum}`,
    maxLength === undefined ? '' : `at most ${maxLength} characters`,
    pattern === undefined ? '' : `like ${pattern}`,
    schema.default === undefined ? '' : `default: ${String(schema.default)}`,
    schema.description ?? '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** @param {Parameter} parameter */
function parameterField({ name, in: place, required, schema }) {
  const input = element('input');
  input.name = `${place}:${name}`;
  input.required = required && !(place === 'query' && schema.type === 'string');
  input.dataset['repeatable'] = String(schema.type === 'array');
  const label = element('label', [element('code', [required ? `${name} *` : name]), input]);
  label.append(element('small', [described(schema)]));
  return label;
}

/** @param {Content} content */
function bodyField(content) {
  const schema = content['application/json']?.schema ?? {};
  const area = element('textarea');
  area.name = 'body';
  area.rows = 4;
  area.value = JSON.stringify(example(schema), null, 2);
  const notes = Object.entries(schema.properties ?? {}).map(([name, property]) => `${name}: ${described(property)}`);
  return element('label', [element('code', ['body']), area, element('small', [notes.join(' · ')])]);
}

/** The least that a body must have. @param {Schema} schema */
function example({ properties = {}, required = [] }) {
  return Object.fromEntries(required.map((name) => [name, properties[name]?.enum?.[0] ?? '']));
}

/**
 * The request that a form describes. An empty field is left out, but for one that must be given.
 * @param {string} path
 * @param {Operation} operation
 * @param {HTMLFormElement} form
 */
function addressOf(path, { parameters }, form) {
  const data = new FormData(form);
  const query = new URLSearchParams();
  let filled = path;
  for (const { name, in: place, required, schema } of parameters) {
    const value = String(data.get(`${place}:${name}`) ?? '');
    if (place === 'path') filled = filled.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== '' || required) {
      const values = schema.type === 'array' ? value.split(',').map((one) => one.trim()) : [value];
      for (const one of values) query.append(name, one);
    }
  }
  return `.${filled}${query.size > 0 ? `?${query}` : ''}`;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 */
function operationView(method, path, operation) {
  const head = element('summary', [element('span', [method.toUpperCase()], 'method'), element('code', [path]), ' ']);
  head.append(element('span', [operation.summary], 'soft'));
  const form = element('form', operation.parameters.map(parameterField));
  if (operation.requestBody) form.append(bodyField(operation.requestBody.content));
  const button = element('button', ['Send']);
  const answer = element('div');
  answer.ariaLive = 'polite';
  form.append(button);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const body = operation.requestBody ? String(new FormData(form).get('body') ?? '') : undefined;
    void send(method, addressOf(path, operation, form), body, answer);
  });
  const statuses = Object.entries(operation.responses).map(([status, { description }]) => `${status} ${description}`);
  const answers = element('p', [`Answers: ${statuses.join(' · ')}`], 'soft');
  return element('details', [head, answers, form, answer], 'operation');
}

/**
 * @param {string} method
 * @param {string} address
 * @param {string | undefined} body
 * @param {HTMLElement} answer
 */
async function send(method, address, body, answer) {
  const who = authorization();
  const headers = {
    ...(who !== undefined && { authorization: who }),
    ...(body === undefined || body === '' ? {} : { 'content-type': 'application/json' }),
  };
  answer.replaceChildren(element('p', ['…']));
  try {
    const response = await fetch(address, { method: method.toUpperCase(), headers, ...(body ? { body } : {}) });
    const shown = element('pre', [readable(await response.text(), response.headers.get('content-type') ?? '')]);
    shown.tabIndex = 0;
    answer.replaceChildren(
      element('p', [`${response.status} ${response.statusText}`, ' · ', element('code', [response.url])]),
      shown,
    );
  } catch (error) {
    answer.replaceChildren(
      element('p', [`The service does not answer (${error instanceof Error ? error.message : String(error)}).`]),
    );
  }
}

/**
 * @param {string} text
 * @param {string} type
 */
function readable(text, type) {
  return type.includes('json') && text !== '' ? JSON.stringify(JSON.parse(text), null, 2) : text;
}

/** @param {OpenApi} document */
function show({ info, paths }) {
  const words = `${info.description} Version ${info.version}.`.split('`');
  find('#about', HTMLElement).replaceChildren(
    ...words.map((text, at) => (at % 2 === 1 ? element('code', [text]) : text)),
  );
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  const areas = Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? '');
  const list = find('#operations', HTMLElement);
  for (const [area, members] of areas) {
    list.append(element('h2', [area]));
    for (const { method, path, operation } of members) list.append(operationView(method, path, operation));
  }
  list.ariaBusy = 'false';
}

async function start() {
  const form = find('#sign-in-docs', HTMLFormElement);
  const token = find('#token', HTMLInputElement);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    token.placeholder = signIn(token.value.trim()) ? 'In use for this tab' : 'That was no access token';
    token.value = '';
  });
  const response = await fetch('openapi.json');
  if (response.ok) return show(await response.json());
  const problem = find('#problem', HTMLElement);
  problem.hidden = false;
  find('#problem p', HTMLElement).textContent = `The description cannot be read: ${response.status}.`;
}

await start();
