// Puts the device API together from the parts of the service.
import { readVersion } from '../../config/paths.js';
import type { Config } from '../../config/schema.js';
import type { Timers } from '../../domain/time.js';
import type { Vision } from '../../vision/vision.js';
import { CaptureRates } from './capture-rates.js';
import { DeviceApi, type DeviceApiParts } from './device-api.js';
import { Enrolments, type EnrolmentsParts } from '../../enrolment/enrolments.js';
import { LiveViews } from './live-views.js';
import type { DeviceServices } from './services.js';
import { ViewAudit } from './view-audit.js';

export interface DeviceParts
  extends
    Omit<DeviceServices, 'rates' | 'views' | 'viewAudit' | 'enrolments' | 'info'>,
    Omit<DeviceApiParts, 'services'>,
    Pick<EnrolmentsParts, 'gallery' | 'ownerOf' | 'scale' | 'otherModels' | 'livenessThreshold'> {
  config: Pick<Config, 'deviceId' | 'cameras'>;
  vision: Pick<Vision, 'modelVersion' | 'embedCrops'>;
  timers: Timers;
}

export function createDeviceApi(parts: DeviceParts): DeviceApi {
  const { config, cameras, vision, clock, timers, audit } = parts;
  const services: DeviceServices = {
    ...parts,
    rates: new CaptureRates(clock),
    views: new LiveViews({ cameras, clock, timers }),
    viewAudit: new ViewAudit({ audit, clock }),
    enrolments: new Enrolments({ ...parts, config: config.cameras }),
    info: () => ({ version: readVersion(), deviceId: config.deviceId, modelVersion: vision.modelVersion }),
  };
  return new DeviceApi({ ...parts, services });
}
