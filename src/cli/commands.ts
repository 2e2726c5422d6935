// The list of the commands of `lintel`, in the order of its help.
import type { CommandEntry } from './program.js';

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'serve',
    description: 'run the service until SIGTERM or Ctrl-C',
    load: async () => [(await import('./serve.js')).registerServe],
  },
  {
    name: 'demo',
    description: 'run a demonstration: a clip plays as a camera, and the MQTT events are printed',
    load: async () => [(await import('./demo.js')).registerDemo],
  },
  {
    name: 'pictures',
    description: 'copy three pictures of rendered people, to try the REST API with',
    load: async () => [(await import('./demo.js')).registerPictures],
  },
  {
    name: 'doctor',
    description: 'check the machine, the installation, the configuration and the connections',
    load: async () => [(await import('./doctor/doctor.js')).registerDoctor],
  },
  {
    name: 'gallery',
    description: 'enrol many people, list the groups, check who is enrolled, back up, restore and verify the faces',
    load: async () => [
      (await import('./enrol/enrol.js')).registerEnrol,
      (await import('./gallery/groups.js')).registerGroups,
      (await import('./gallery/check.js')).registerCheck,
      (await import('./gallery/backup.js')).registerGallery,
    ],
  },
  {
    name: 'keys',
    description: 'manage the appKeys of the REST API, the admin keys of the device API and the master key',
    load: async () => [(await import('./keys.js')).registerKeys, (await import('./rotate.js')).registerRotate],
  },
  {
    name: 'console',
    description: 'sign in to the console in the browser',
    load: async () => [(await import('./console.js')).registerConsole],
  },
  {
    name: 'events',
    description:
      'print the signing key, verify recorded events, list and resend refused ones, send a command to a device',
    load: async () => [(await import('./events.js')).registerEvents, (await import('./set-aside.js')).registerSetAside],
  },
  {
    name: 'audit',
    description: 'list, verify and export the audit log',
    load: async () => [(await import('./audit.js')).registerAudit],
  },
  {
    name: 'fleet',
    description: 'share one gallery among many doors: invite, approve and remove doors, prove deletions',
    load: async () => (await import('./fleet/fleet.js')).FLEET_COMMANDS,
  },
  {
    name: 'models',
    description: 'fetch, list, quantise and calibrate the models',
    load: async () => [(await import('./models/models.js')).registerModels],
  },
  {
    name: 'store',
    description: 'accept a data directory that was altered, or that is an older copy of itself',
    load: async () => [(await import('./store.js')).registerStore],
  },
  {
    name: 'clock',
    description: 'trust the clock of the device again after it was wrong',
    load: async () => [(await import('./clock.js')).registerClock],
  },
];
