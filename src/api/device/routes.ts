// All routes of the device API.
import { aboutRoutes } from './about.js';
import { auditRoutes } from './audit.js';
import { cameraRoutes } from './cameras.js';
import { enrolRoutes } from './enrol.js';
import { eventRoutes } from './events.js';
import { groupRoutes } from './groups.js';
import { personRoutes } from './persons.js';
import { pictureRoutes } from './pictures.js';
import { privacyRoutes } from './privacy.js';
import type { DeviceRoute } from './route.js';
import { unknownFaceRoutes } from './unknown-faces.js';

export const DEVICE_ROUTES: readonly DeviceRoute[] = [
  ...cameraRoutes,
  ...pictureRoutes,
  ...enrolRoutes,
  ...groupRoutes,
  ...personRoutes,
  ...eventRoutes,
  ...privacyRoutes,
  ...unknownFaceRoutes,
  ...auditRoutes,
  ...aboutRoutes,
];
