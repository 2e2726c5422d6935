// Camera configurations for tests, with the defaults of the schema.
import type { CameraConfig } from '../../src/config/camera-schema.js';
import { configSchema } from '../../src/config/schema.js';
import type { Log } from '../../src/domain/log.js';

/** @param keys keys of one camera as in the configuration file; `id` and `group` are optional */
export function cameraConfig(keys: object): CameraConfig {
  const camera = { id: 'front', group: 'staff', source: { type: 'device', path: '/dev/video0' }, ...keys };
  const [config] = configSchema.parse({ cameras: [camera] }).cameras;
  if (!config) throw new Error('the configuration has no camera');
  return config;
}

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: object;
}

export class RecordedLog implements Log {
  readonly lines: LogLine[] = [];

  debug = (fields: object, message: string) => void this.lines.push({ level: 'debug', message, fields });
  info = (fields: object, message: string) => void this.lines.push({ level: 'info', message, fields });
  warn = (fields: object, message: string) => void this.lines.push({ level: 'warn', message, fields });
  error = (fields: object, message: string) => void this.lines.push({ level: 'error', message, fields });

  get messages(): string[] {
    return this.lines.map(({ message }) => message);
  }
}
