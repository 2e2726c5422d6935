// Carries out the commands that arrive over MQTT, and makes the answers.
import type { AuditAction, AuditSink } from '../domain/audit.js';
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import { CommandGate, type Command, type CommandError } from './command.js';
import type { Delivery } from './delivery.js';
import type { Incoming } from './mqtt-connection.js';
import { makeCommandResultTopic, makeSnapshotTopic } from './topics.js';
import type { Clock } from '../domain/time.js';

/** The actions behind the commands. All methods throw AppError CAMERA_NOT_FOUND for a camera that is not configured. */
export interface CommandTarget {
  pause(cameraId: string): Promise<void>;
  resume(cameraId: string): Promise<void>;
  /** Returns a JPEG, or undefined when there is no frame. @throws AppError PRIVACY_ON, CAMERA_UNAVAILABLE */
  snapshot(cameraId: string): Promise<Buffer | undefined>;
}

export interface CommanderOptions {
  deviceId: string;
  secret: string;
  target: CommandTarget;
  audit?: AuditSink | undefined;
  clock: Clock;
  log: Log;
}

export interface CommanderStats {
  obeyed: number;
  /** Commands that were refused or failed. */
  refused: number;
}

const ACTIONS: Record<Command['command'], AuditAction> = {
  pause: 'camera.paused',
  resume: 'camera.resumed',
  snapshot: 'camera.viewed',
};
/** Errors whose code is sent in the answer. Every other error is sent as FAILED. */
const ANSWERED_ERRORS: readonly string[] = [
  'CAMERA_NOT_FOUND',
  'CAMERA_UNAVAILABLE',
  'PRIVACY_ON',
] satisfies CommandError[];
/** A frame is smaller than this. A larger picture would only fill the memory of the broker. */
const MAX_SNAPSHOT_BYTES = 8_000_000;
/** Number of commands that may be carried out at the same time. */
const MAX_RUNNING = 4;

/** Outlives the connections, so that it remembers the accepted commands over a reconnection. */
export class Commander {
  readonly #options: CommanderOptions;
  readonly #gate: CommandGate;
  readonly #counts: CommanderStats = { obeyed: 0, refused: 0 };
  #runningCount = 0;

  constructor(options: CommanderOptions) {
    this.#options = options;
    this.#gate = new CommandGate(options);
  }

  /**
   * Carries out a command. Never rejects.
   * @returns the messages of the answer: the result `{ version: 1, id, ok, error? }`, and before it the picture of a snapshot
   */
  async handle({ payload, retained }: Incoming): Promise<Delivery[]> {
    const checked = this.#gate.check(payload, retained);
    if ('error' in checked) {
      const { error, id, answer } = checked;
      this.#counts.refused++;
      if (!answer) return [];
      this.#options.log.warn({ error }, 'an MQTT command was refused');
      return [this.#buildResult(id, error)];
    }
    const { command } = checked;
    if (this.#runningCount >= MAX_RUNNING) {
      this.#counts.refused++;
      return [this.#buildResult(command.id, 'TOO_MANY')];
    }
    this.#runningCount++;
    try {
      const pictures = await this.#carryOut(command);
      this.#counts.obeyed++;
      return [...pictures, this.#buildResult(command.id)];
    } catch (error) {
      this.#counts.refused++;
      const { command: name, cameraId } = command;
      this.#options.log.warn({ command: name, cameraId, reason: describeError(error) }, 'an MQTT command failed');
      const isAnswered = error instanceof AppError && ANSWERED_ERRORS.includes(error.code);
      return [this.#buildResult(command.id, isAnswered ? (error.code as CommandError) : 'FAILED')];
    } finally {
      this.#runningCount--;
    }
  }

  stats(): CommanderStats {
    return { ...this.#counts };
  }

  async #carryOut({ id, command, cameraId }: Command): Promise<Delivery[]> {
    const { deviceId, target, audit, log } = this.#options;
    if (command === 'snapshot') await this.#takePicture(cameraId);
    // The entry is written before a resumed camera sees anybody, and before a picture leaves.
    const entry = { action: ACTIONS[command], actor: 'mqtt-command', subject: { cameraId, commandId: id } };
    if (command !== 'pause') await audit?.append(entry);
    if (command === 'resume') await target.resume(cameraId);
    if (command === 'pause') {
      await target.pause(cameraId);
      await audit?.append(entry);
    }
    // The picture is taken again: while the entry was written the camera may have been paused.
    const jpeg = command === 'snapshot' ? await this.#takePicture(cameraId) : undefined;
    log.info({ command, cameraId }, 'an MQTT command was carried out');
    const ifRefused = this.#buildResult(id, 'PICTURE_REFUSED');
    return jpeg ? [{ topic: makeSnapshotTopic(deviceId, cameraId), payload: jpeg, retain: false, ifRefused }] : [];
  }

  async #takePicture(cameraId: string): Promise<Buffer> {
    const jpeg = await this.#options.target.snapshot(cameraId);
    if (!jpeg || jpeg.length > MAX_SNAPSHOT_BYTES) {
      throw new AppError('CAMERA_UNAVAILABLE', 'there is no frame to send');
    }
    return jpeg;
  }

  #buildResult(id: string | undefined, error?: CommandError): Delivery {
    const payload = JSON.stringify({ version: 1, id, ok: error === undefined, error });
    return { topic: makeCommandResultTopic(this.#options.deviceId), payload, retain: false };
  }
}
