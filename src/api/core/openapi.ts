// OpenAPI 3.1: the parts of a document that follow from the schemas of the routes.
import * as z from 'zod';
import type { AnyRoute } from './route.js';

export type JsonSchema = Record<string, unknown>;

/** One operation at its full path, with the facts that only its API knows. */
export interface DocumentedOperation {
  route: AnyRoute;
  /** Full path pattern. */
  pattern: string;
  operationId: string;
  tags?: readonly string[];
  /** Fields of the operation whose names begin with `x-`. */
  extensions?: Readonly<Record<`x-${string}`, string>>;
  /** Security requirements; undefined leaves the field out. */
  security?: readonly object[] | undefined;
  /** Returns the responses by status. */
  responses: () => Readonly<Record<string, object>>;
}

export interface DocumentHead {
  title: string;
  /** Version of this installation. */
  version: string;
  description: string;
  /** Names of the tags, in order; absent in a document without tags. */
  tags?: readonly string[];
  securitySchemes: Readonly<Record<string, object>>;
}

/** @returns the whole document, a JSON value */
export function createDocument(
  head: DocumentHead,
  operations: readonly DocumentedOperation[],
  components: Components,
): object {
  const { title, version, description, tags, securitySchemes } = head;
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const path = operation.pattern.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[operation.route.method.toLowerCase()] = describeOperation(operation, path, components);
  }
  return {
    openapi: '3.1.0',
    info: { title, version, description },
    servers: [{ url: '/' }],
    ...(tags && { tags: tags.map((name) => ({ name })) }),
    paths,
    components: { schemas: components.schemas, securitySchemes },
  };
}

function describeOperation(operation: DocumentedOperation, path: string, components: Components): object {
  const { route, operationId, tags, extensions, security, responses } = operation;
  const { summary, description, query, body } = route;
  return {
    operationId,
    summary,
    ...(description !== undefined && { description }),
    ...(tags && { tags }),
    ...extensions,
    ...(security && { security }),
    parameters: [...listPathParameters(path), ...(query === undefined ? [] : listQueryParameters(query, components))],
    ...(body !== undefined && { requestBody: describeBody(body, route, components) }),
    responses: responses(),
  };
}

function listPathParameters(path: string): object[] {
  return Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function listQueryParameters(query: z.ZodType, components: Components): object[] {
  const { properties = {}, required = [] } = components.describe(query) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description !== undefined && { description }),
    schema,
  }));
}

function describeBody(body: z.ZodType, { form, pictureTypes }: AnyRoute, components: Components): object {
  if (pictureTypes) {
    const schema = components.describe(body);
    return { required: true, content: Object.fromEntries(pictureTypes.map((type) => [type, { schema }])) };
  }
  const content: Record<string, object> = { 'application/json': { schema: components.describe(body) } };
  if (form !== undefined) content['multipart/form-data'] = { schema: components.describe(form) };
  return { required: true, content };
}

/** Collects the schemas that have an id, so that other schemas can refer to them. */
export class Components {
  readonly schemas: Record<string, JsonSchema> = {};

  /**
   * Returns the JSON Schema of what a client may send. It also holds for answers: their schemas have no transformations.
   * @throws TypeError when two different schemas have the same id
   */
  describe(schema: z.ZodType): JsonSchema {
    // A file in a form has no JSON type: its `meta` describes it instead.
    const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    const text = JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/');
    const { $defs = {}, ...rest } = JSON.parse(text) as JsonSchema & { $defs?: Record<string, JsonSchema> };
    // OpenAPI 3.1 names the dialect of JSON Schema once for the whole document.
    delete rest.$schema;
    for (const [id, component] of Object.entries($defs)) {
      const known = this.schemas[id];
      if (known && JSON.stringify(known) !== JSON.stringify(component)) throw new TypeError(`two schemas named ${id}`);
      this.schemas[id] = component;
    }
    return rest;
  }
}
