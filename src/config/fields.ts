// Field types that several parts of the configuration share.
import * as z from 'zod';

export const filePath = z.string().min(1);

/** Creates the type of a URL without a user and a password: secrets are never values of the file. */
export function plainUrl(protocols: readonly string[]): z.ZodType<string> {
  return z.string().superRefine((value, context) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (!url || !url.hostname || !protocols.includes(url.protocol)) {
      context.addIssue({
        code: 'custom',
        message: `must be a URL that starts with ${protocols.map((p) => `${p}//`).join(' or ')}`,
      });
    } else if (url.username || url.password) {
      context.addIssue({
        code: 'custom',
        message: 'must not contain a user or a password; use username and passwordFile',
      });
    }
  });
}

/** Tells whether a text is a web origin in the form in which browsers send it, or `*`. */
export function isOrigin(text: string): boolean {
  if (text === '*') return true;
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@*,\s]+$/.test(text) || !URL.canParse(text)) return false;
  const { protocol, origin } = new URL(text);
  // Schemes of apps, such as capacitor://localhost, have no origin here.
  return protocol === 'http:' || protocol === 'https:' ? origin === text : text === text.toLowerCase();
}
