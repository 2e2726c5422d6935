// All routes of the device API.
import { aboutRoutes } from './about.js';
import { auditRoutes } from './audit.js';
import { cameraRoutes } from './cameras.js';
import { decisionRoutes } from './decisions.js';
import { doctorRoutes } from './doctor.js';
import { enrolRoutes } from './enrol.js';
import { enrolPictureRoutes } from './enrol-picture.js';
import { eventRoutes } from './events.js';
import { fleetRoutes } from './fleet.js';
import { groupRoutes } from './groups.js';
import { keyRoutes } from './keys.js';
import { personRoutes } from './persons.js';
import { pictureRoutes } from './pictures.js';
import { privacyRoutes } from './privacy.js';
import type { DeviceRoute } from './route.js';
import { sessionRoutes } from './sessions.js';
import { similarityRoutes } from './similarities.js';
import { unknownFaceRoutes } from './unknown-faces.js';

export const DEVICE_ROUTES: readonly DeviceRoute[] = [
  ...cameraRoutes,
  ...pictureRoutes,
  ...enrolRoutes,
  ...enrolPictureRoutes,
  ...groupRoutes,
  ...personRoutes,
  ...similarityRoutes,
  ...eventRoutes,
  ...decisionRoutes,
  ...privacyRoutes,
  ...unknownFaceRoutes,
  ...auditRoutes,
  ...sessionRoutes,
  ...keyRoutes,
  ...aboutRoutes,
  ...doctorRoutes,
  ...fleetRoutes,
];
