// What the metrics are read from: functions of the parts that give their numbers.

/** Functions that read the numbers. Counters count since the service started. */
export interface MetricsSources {
  build: { version: string; node: string; opencv: string };
  models: () => { modelVersion: string; models: readonly { task: string; precision: string; provider: string }[] };
  /**
   * `completed`: pictures and frames that were analysed, also without success. `rejected`: those that the full queue refused, or that waited
   * for too long. `overdue`: those that took too long. `cancelled`: those whose client had gone.
   */
  vision: () => {
    workers: number;
    busy: number;
    queued: number;
    completed: number;
    rejected: number;
    overdue: number;
    cancelled: number;
  };
  cameras: () => readonly {
    id: string;
    camera: {
      status: string;
      /** Fault of the picture; absent without a fault. */
      fault?: string | undefined;
      /** Frames read from the source. */
      frames: number;
      /** Frames that newer ones replaced before they were analysed. */
      dropped: number;
      /** Pictures that were skipped because they are damaged, or rest on one that is missing. */
      damaged: number;
      streamChanges: number;
      analysed: number;
      /** Time from capture to the end of the analysis, summed over all analysed frames, in milliseconds. */
      analysisMs: number;
      /** Frames analysed per second, recently. */
      fps: number;
      losses: number;
      reopenings: number;
      /** Delay of the frames, in milliseconds. */
      delayMs: number;
    };
    recognition: {
      tracks: number;
      embedded: number;
      lostEvents: number;
      /** Time from the capture of the newest shot to the decision, summed over all matches, in milliseconds. */
      matchMs: number;
    };
    /** Decisions by type and reason. */
    eventCounts: readonly { type: string; reason: string; count: number }[];
  }[];
  /** `published`: events of the history. `dropped`: removed before they were published. `expired`: too late for their live topic. */
  events: () => {
    published: number;
    pending: number;
    dropped: number;
    expired: number;
    stored: number;
    connected: boolean;
    /** Lintel's own broker, where it runs. `ignored`: messages of clients that were not passed on. */
    broker?: {
      clients: number;
      refused: number;
      cutOff: number;
      ignored: number;
      sessionsWaiting: number;
      sessionMessagesDropped: number;
    };
    /** Events that wait until the broker takes them whole. */
    setAside: number;
    /** Events that the log of the fleet does not have yet; absent where no fleet takes the history. */
    fleetPending?: number;
    /** Counts of what the broker did not take. */
    liveRefused: number;
    liveWithoutSnapshot: number;
    historyRefused: number;
    historyWithoutSnapshot: number;
  };
  gallery: () => { groups: number; faces: number };
  http: () => {
    /** Connections that are open. */
    connections: number;
    /** Idle connections that were closed in favour of new ones. */
    connectionsClosed: number;
    /** Bytes of bodies and large answers that are held. */
    heldBytes: number;
    /** Connections and requests that were refused, by reason. */
    refused: Readonly<Record<string, number>>;
  };
  /** The fleet; undefined where the device is in none. */
  fleet: () => FleetSource | undefined;
  /** Vital signs of the device; those that it cannot measure are absent. */
  vitals: () => { temperatureCelsius?: number; diskFreeBytes?: number };
  /** Lines of the log that were dropped for a slow reader. */
  droppedLogLines: () => number;
}

/** A camera and what became of its frames. */
export type CameraSource = ReturnType<MetricsSources['cameras']>[number];

/** State of this device's part in the fleet. */
export interface FleetSource {
  role: 'authority' | 'door';
  log: { kind: string; isConnected: boolean };
  /** Time of this state, epoch ms. */
  atMs: number;
  groups: readonly {
    groupId: string;
    version: number;
    records: number;
    /** ISO 8601; of the newest head. */
    issuedAt?: string | undefined;
    state: string;
  }[];
  /** Doors as the authority knows them; a door itself knows none. */
  doors: readonly { state: string; lagVersions?: number | undefined; problems: readonly string[] }[];
  /** Counts since the start: heads that the log has taken, and heads that were refused, by reason. */
  counts?: { publications?: number; refusedHeads?: Readonly<Record<string, number>> } | undefined;
}
