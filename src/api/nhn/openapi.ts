// OpenAPI document of the NHN API.
import * as z from 'zod';
import { Components, createDocument, type DocumentedOperation } from '../core/openapi.js';
import { ERROR_RESULTS, SUCCESS_RESULTS } from './envelope.js';
import type { Dialect, Route } from './route.js';

const successHeader = z
  .object({
    isSuccessful: z.literal(true),
    resultCode: z.literal(SUCCESS_RESULTS.map(({ code }) => code)).meta({
      description: '0, or 40070 where the quota of the group left some of the faces out.',
    }),
    resultMessage: z.string(),
    detail: z.string().optional().meta({
      description:
        'Sentences for a person, present where a face cannot be recognised: which, and why. Such a face is not registered, and matches nobody.',
    }),
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

/** @param version version of this installation @returns a JSON value */
export function createNhnDocument(dialects: readonly Dialect[], version: string): object {
  const components = new Components();
  const head = {
    title: 'Lintel',
    version,
    description: 'Face recognition for doors. Every request that reaches a route is answered with 200; see its header.',
    tags: dialects.map((dialect) => dialect.version),
    securitySchemes: {
      [SECRET_KEY_SCHEME]: {
        type: 'apiKey',
        in: 'header',
        name: 'Authorization',
        description: 'The secretKey of the appKey, as it is.',
      },
    },
  };
  const operations = dialects.flatMap((dialect) =>
    dialect.routes.map((route) => describeRoute(dialect, route, components)),
  );
  return createDocument(head, operations, components);
}

function describeRoute(dialect: Dialect, route: Route, components: Components): DocumentedOperation {
  const { data } = route;
  const answer = z.union([z.object({ header: successHeader, ...(data && { data }) }), errorAnswer]);
  return {
    route,
    pattern: dialect.base + route.path,
    operationId: `${dialect.name}_${route.name}`,
    tags: [dialect.version],
    security: dialect.asksForSecretKey ? [{ [SECRET_KEY_SCHEME]: [] }] : undefined,
    responses: () => ({
      200: {
        description: 'The outcome is in header.',
        content: { 'application/json': { schema: components.describe(answer) } },
      },
    }),
  };
}
