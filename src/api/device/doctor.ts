// Routes that examine the device and its configuration, and change nothing.
import * as z from 'zod';
import { listConfigProblems } from '../../config/load.js';
import { formatReport } from '../../domain/doctor.js';
import { clientError } from '../../errors.js';
import { configurationCheckAnswer, doctorAnswer } from './answers.js';
import { deviceRoute, type DeviceRoute } from './route.js';

/** Media type of the report as text. */
const TEXT_TYPE = 'text/plain; charset=utf-8';

export const doctorRoutes: readonly DeviceRoute[] = [
  deviceRoute({
    name: 'runDoctor',
    summary: 'The report of lintel doctor, without secrets',
    description:
      'It takes some seconds, and at most 25 seconds. Requests at the same time get the same report, and so do requests within ten seconds ' +
      'after it.',
    method: 'GET',
    path: '/doctor',
    role: 'admin',
    query: z.strictObject({ format: z.enum(['json', 'text']).default('json') }),
    data: doctorAnswer,
    media: [TEXT_TYPE],
    refusals: ['STORE_UNAVAILABLE', 'STOPPED'],
    handle: async ({ doctor, audit }, { query: { format }, actor, isAllowed }) => {
      await audit.append({ action: 'doctor.run', actor, subject: {} });
      const report = await doctor();
      if (!isAllowed()) throw clientError('UNAUTHORIZED_ADMIN_KEY', 'The admin key was revoked meanwhile.');
      return format === 'text'
        ? { bytes: Buffer.from(formatReport(report)), contentType: TEXT_TYPE }
        : { json: report };
    },
  }),
  deviceRoute({
    name: 'checkConfiguration',
    summary: 'What is wrong with the text of a configuration file, or with a part of one',
    description:
      'The text is YAML, or JSON, with the keys of the configuration file; keys that it leaves out have their defaults. Nothing is changed, ' +
      'and no file is read.',
    method: 'POST',
    path: '/configuration/check',
    role: 'admin',
    body: z.strictObject({ text: z.string() }),
    data: configurationCheckAnswer,
    handle: async (_services, { body: { text } }) => {
      const problems = listConfigProblems(text);
      return { json: { valid: problems.length === 0, problems } };
    },
  }),
];
