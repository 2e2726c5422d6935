// The OpenAPI 3.1 document, made of the schemas that the routes validate with and answer by.
import { z } from 'zod';
import { ERROR_RESULTS, SUCCESS_RESULTS } from './envelope.js';
import type { Dialect, Route } from './route.js';

type JsonSchema = Record<string, unknown>;

const successHeader = z
  .object({
    isSuccessful: z.literal(true),
    resultCode: z.literal(SUCCESS_RESULTS.map(({ code }) => code)).meta({
      description: '0, or 40070 where the quota of the group left some of the faces out.',
    }),
    resultMessage: z.string(),
  })
  .meta({ id: 'SuccessHeader' });

const errorAnswer = z
  .object({
    header: z.object({
      isSuccessful: z.literal(false),
      resultCode: z.literal(ERROR_RESULTS.map(({ code }) => code)),
      resultMessage: z.string().meta({
        description: 'The name of the code. Compare adds :Source or :Target where one of its pictures is bad.',
      }),
      detail: z.string().optional().meta({ description: 'One sentence for a person.' }),
    }),
  })
  .meta({
    id: 'ErrorAnswer',
    description: ERROR_RESULTS.map(({ code, name }) => `${code} ${name}`).join(', '),
  });

const SECRET_KEY_SCHEME = 'secretKey';

/** @param version of this installation @returns a JSON value */
export function openApiDocument(dialects: readonly Dialect[], version: string): object {
  const components = new Components();
  const paths: Record<string, Record<string, object>> = {};
  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const path = documentPath(dialect.base + route.path);
      paths[path] ??= {};
      paths[path][route.method.toLowerCase()] = operation(dialect, route, path, components);
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Lintel',
      version,
      description:
        'Face recognition for doors. Every request that reaches a route is answered with 200; see its header.',
    },
    servers: [{ url: '/' }],
    tags: dialects.map((dialect) => ({ name: dialect.version })),
    paths,
    components: {
      schemas: components.schemas,
      securitySchemes: {
        [SECRET_KEY_SCHEME]: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description: 'The secretKey of the appKey, as it is.',
        },
      },
    },
  };
}

function operation(dialect: Dialect, route: Route, path: string, components: Components): object {
  const { name, summary, query, body, form, data } = route;
  const ofPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => ({
    name: parameter,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const answer = z.union([z.object({ header: successHeader, ...(data === undefined ? {} : { data }) }), errorAnswer]);
  return {
    operationId: `${dialect.name}_${name}`,
    summary,
    tags: [dialect.version],
    ...(dialect.asksForSecretKey ? { security: [{ [SECRET_KEY_SCHEME]: [] }] } : {}),
    parameters: [...ofPath, ...(query === undefined ? [] : queryParameters(query, components))],
    ...(body === undefined ? {} : { requestBody: requestBody(body, form, components) }),
    responses: {
      200: {
        description: 'The outcome is in header.',
        content: { 'application/json': { schema: components.schemaOf(answer) } },
      },
    },
  };
}

function requestBody(body: z.ZodType, form: z.ZodType | undefined, components: Components): object {
  const content: Record<string, object> = { 'application/json': { schema: components.schemaOf(body) } };
  if (form !== undefined) content['multipart/form-data'] = { schema: components.schemaOf(form) };
  return { required: true, content };
}

/** The properties of a schema of a query. */
export function queryParameters(query: z.ZodType, components: Components): object[] {
  const { properties = {}, required = [] } = components.schemaOf(query) as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
}

/** `/groups/:groupId` as `/groups/{groupId}`. */
export function documentPath(pattern: string): string {
  return pattern.replace(/:(\w+)/g, '{$1}');
}

/** Gathers the schemas that have an id, so that others can refer to them. */
export class Components {
  readonly schemas: Record<string, JsonSchema> = {};

  /** What a client may send, or gets: answers have no transformations, so that their input is their output. */
  schemaOf(schema: z.ZodType): JsonSchema {
    // A file of a form has no JSON type; what stands for it is its meta.
    const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
    const text = JSON.stringify(made).replaceAll('"#/$defs/', '"#/components/schemas/');
    const { $defs = {}, ...rest } = JSON.parse(text) as JsonSchema & { $defs?: Record<string, JsonSchema> };
    // OpenAPI 3.1 says once, for all of the document, which JSON Schema it speaks.
    delete rest.$schema;
    for (const [id, component] of Object.entries($defs)) {
      const known = this.schemas[id];
      if (known && JSON.stringify(known) !== JSON.stringify(component)) throw new TypeError(`two schemas named ${id}`);
      this.schemas[id] = component;
    }
    return rest;
  }
}
