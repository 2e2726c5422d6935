// The rule for the origins in http.allowOrigins: the form in which browsers send them.
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.js';

const parse = (origin: string) => configSchema.safeParse({ http: { allowOrigins: [origin] } });

describe('http.allowOrigins', () => {
  it.each([
    'https://console.example.org',
    'https://console.example.org:8443',
    'http://localhost:3000',
    'http://[fd00::1]:3000',
    'capacitor://localhost',
    '*',
  ])('takes %s', (origin) => {
    expect(parse(origin).success).toBe(true);
  });

  it.each([
    'console.example.org',
    'https://console.example.org/',
    'https://console.example.org/app',
    'https://console.example.org:443',
    'https://Console.example.org',
    'https://user@console.example.org',
    'https://*.example.org',
    'https://a.example,https://b.example',
    'null',
    '',
  ])('refuses "%s"', (origin) => {
    const issue = { path: ['http', 'allowOrigins', 0], message: expect.stringMatching(/^must be an origin/) as string };
    expect(parse(origin).error?.issues).toMatchObject([issue]);
  });
});
