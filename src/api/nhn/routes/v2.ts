// Dialect v2.0: its base path and its routes.
import type { Dialect } from '../route.js';
import { compareRoutesV2 } from './compare.js';
import { detectRoutesV2 } from './detect.js';
import { faceRoutesV2 } from './faces.js';
import { groupRoutesV2 } from './groups.js';
import { registerRoutesV2 } from './register.js';
import { searchRoutesV2 } from './search.js';
import { verifyRoutesV2 } from './verify.js';

export const v2: Dialect = {
  name: 'v2',
  version: 'v2.0',
  base: '/v2.0/appkeys/:appKey',
  asksForSecretKey: true,
  routes: [
    ...groupRoutesV2,
    ...detectRoutesV2,
    ...registerRoutesV2,
    ...faceRoutesV2,
    ...searchRoutesV2,
    ...compareRoutesV2,
    ...verifyRoutesV2,
  ],
};
