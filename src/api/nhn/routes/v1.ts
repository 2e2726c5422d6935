// Dialect v1.0: its base path and its routes.
import type { Dialect } from '../route.js';
import { compareRoutes } from './compare.js';
import { detectRoutes } from './detect.js';
import { faceRoutes } from './faces.js';
import { groupRoutes } from './groups.js';
import { registerRoutes } from './register.js';
import { searchRoutes } from './search.js';
import { verifyRoutes } from './verify.js';

export const v1: Dialect = {
  name: 'v1',
  version: 'v1.0',
  base: '/nhn-face-reco/v1.0/appkeys/:appKey',
  asksForSecretKey: false,
  routes: [
    ...groupRoutes,
    ...detectRoutes,
    ...registerRoutes,
    ...faceRoutes,
    ...searchRoutes,
    ...compareRoutes,
    ...verifyRoutes,
  ],
};
