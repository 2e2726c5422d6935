// Every screen but the doors, in one file of the bundle: together they take four fifths of the bytes that they take one by one.
export { default as audit } from './audit/screen.js';
export { default as enrol } from './enrol/screen.js';
export { default as events } from './events/screen.js';
export { default as fleet } from './fleet/screen.js';
export { default as health } from './health/screen.js';
export { default as keys } from './keys/screen.js';
export { default as people } from './people/screen.js';
export { default as privacy } from './privacy/screen.js';
export { default as setup } from './setup/screen.js';
export { default as strangers } from './strangers/screen.js';
export { default as trust } from './trust/screen.js';
