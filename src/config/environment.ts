// The environment variables of Lintel. Only this file reads them.

/** Values of the environment variables; a variable that is not set, or empty, is absent. */
export interface Environment {
  /** LINTEL_CONFIG: the configuration file. */
  readonly configFile?: string;
  /** LINTEL_MASTER_KEY: 32 bytes as base64. */
  readonly masterKey?: string;
  /** LINTEL_MQTT_PASSWORD: the password of the MQTT broker. */
  readonly mqttPassword?: string;
  /** LINTEL_MODELS_FROM: the folder or URL that `lintel models fetch` takes the files from. */
  readonly modelsFrom?: string;
  /** LINTEL_MODELS_DIR: the folder of the model files, if the configuration names none. */
  readonly modelsDir?: string;
  /** CREDENTIALS_DIRECTORY: the folder of the credentials that systemd passes to the service. */
  readonly credentialsDir?: string;
  /** NOTIFY_SOCKET: systemd's socket for READY and STATUS. */
  readonly notifySocket?: string;
  /** JOURNAL_STREAM: device and inode of the journal's stream, if systemd connected one. */
  readonly journalStream?: string;
  /** WATCHDOG_USEC: longest interval between two watchdog notices, in microseconds; absent if it is meant for another process. */
  readonly watchdogUsec?: number;
}

/** Reads the environment. @param variables default: those of the process */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env, pid: number = process.pid): Environment {
  const names = {
    configFile: 'LINTEL_CONFIG',
    masterKey: 'LINTEL_MASTER_KEY',
    mqttPassword: 'LINTEL_MQTT_PASSWORD',
    modelsFrom: 'LINTEL_MODELS_FROM',
    modelsDir: 'LINTEL_MODELS_DIR',
    credentialsDir: 'CREDENTIALS_DIRECTORY',
    notifySocket: 'NOTIFY_SOCKET',
    journalStream: 'JOURNAL_STREAM',
  };
  const set = Object.entries(names).filter(([, name]) => variables[name]);
  const watchdogUsec = readWatchdogUsec(variables, pid);
  return {
    ...Object.fromEntries(set.map(([key, name]) => [key, variables[name]])),
    ...(watchdogUsec === undefined ? {} : { watchdogUsec }),
  };
}

function readWatchdogUsec(variables: NodeJS.ProcessEnv, pid: number): number | undefined {
  if (variables.WATCHDOG_PID && variables.WATCHDOG_PID !== String(pid)) return undefined;
  const usec = Number(variables.WATCHDOG_USEC);
  return Number.isSafeInteger(usec) && usec > 0 ? usec : undefined;
}
