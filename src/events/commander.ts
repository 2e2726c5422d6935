// Carries out the commands that came over MQTT, and answers them.
import type { AuditAction, AuditSink } from '../domain/audit.js';
import type { Log } from '../domain/log.js';
import { AppError, describeError } from '../errors.js';
import { CommandGate, type Command, type CommandError } from './command.js';
import type { Delivery } from './delivery.js';
import type { Incoming } from './mqtt-connection.js';
import { commandResultTopic, snapshotTopic } from './topics.js';
import type { Clock } from '../domain/time.js';

/** What commands do. All methods throw AppError CAMERA_NOT_FOUND for a camera that is not configured. */
export interface CommandTarget {
  pause(cameraId: string): Promise<void>;
  resume(cameraId: string): Promise<void>;
  /** JPEG; undefined where there is no frame. @throws AppError PRIVACY_ON, CAMERA_UNAVAILABLE */
  snapshot(cameraId: string): Promise<Buffer | undefined>;
}

export interface CommanderOptions {
  deviceId: string;
  secret: string;
  target: CommandTarget;
  audit?: AuditSink;
  clock: Clock;
  log: Log;
}

export interface CommanderStats {
  obeyed: number;
  /** Refused, and those that failed. */
  refused: number;
}

const ACTIONS: Record<Command['command'], AuditAction> = {
  pause: 'camera.paused',
  resume: 'camera.resumed',
  snapshot: 'camera.viewed',
};
const TOLD_ERRORS: readonly string[] = [
  'CAMERA_NOT_FOUND',
  'CAMERA_UNAVAILABLE',
  'PRIVACY_ON',
] satisfies CommandError[];
/** A frame is not larger; who has one as large as this has another use for the broker's memory. */
const MAX_SNAPSHOT_BYTES = 8_000_000;
/** At the same time. */
const MAX_UNDER_WAY = 4;

/** Outlives the connections, and so does its memory of the commands that passed. */
export class Commander {
  readonly #options: CommanderOptions;
  readonly #gate: CommandGate;
  readonly #counts: CommanderStats = { obeyed: 0, refused: 0 };
  #underWay = 0;

  constructor(options: CommanderOptions) {
    this.#options = options;
    this.#gate = new CommandGate(options);
  }

  /** @returns the messages of the answer: the result, `{ version: 1, id, ok, error? }`, and before it the picture of a snapshot. Never rejects. */
  async handle({ payload, retained }: Incoming): Promise<Delivery[]> {
    const checked = this.#gate.check(payload, retained);
    if ('error' in checked) {
      const { error, id, answer } = checked;
      this.#counts.refused++;
      if (!answer) return [];
      this.#options.log.warn({ error }, 'an MQTT command was refused');
      return [this.#result(id, error)];
    }
    const { command } = checked;
    if (this.#underWay >= MAX_UNDER_WAY) {
      this.#counts.refused++;
      return [this.#result(command.id, 'TOO_MANY')];
    }
    this.#underWay++;
    try {
      const pictures = await this.#obey(command);
      this.#counts.obeyed++;
      return [...pictures, this.#result(command.id)];
    } catch (error) {
      this.#counts.refused++;
      const { command: name, cameraId } = command;
      this.#options.log.warn({ command: name, cameraId, reason: describeError(error) }, 'an MQTT command failed');
      const isTold = error instanceof AppError && TOLD_ERRORS.includes(error.code);
      return [this.#result(command.id, isTold ? (error.code as CommandError) : 'FAILED')];
    } finally {
      this.#underWay--;
    }
  }

  stats(): CommanderStats {
    return { ...this.#counts };
  }

  async #obey({ id, command, cameraId }: Command): Promise<Delivery[]> {
    const { deviceId, target, audit, log } = this.#options;
    if (command === 'snapshot') await this.#picture(cameraId);
    // A resumed camera is on the record before it sees anybody; a picture, before it leaves.
    const entry = { action: ACTIONS[command], actor: 'mqtt-command', subject: { cameraId, commandId: id } };
    if (command !== 'pause') await audit?.append(entry);
    if (command === 'resume') await target.resume(cameraId);
    if (command === 'pause') {
      await target.pause(cameraId);
      await audit?.append(entry);
    }
    // Once more: the disk took its time, and the camera may have been told to look away meanwhile.
    const jpeg = command === 'snapshot' ? await this.#picture(cameraId) : undefined;
    log.info({ command, cameraId }, 'an MQTT command was carried out');
    return jpeg ? [{ topic: snapshotTopic(deviceId, cameraId), payload: jpeg, retain: false }] : [];
  }

  async #picture(cameraId: string): Promise<Buffer> {
    const jpeg = await this.#options.target.snapshot(cameraId);
    if (!jpeg || jpeg.length > MAX_SNAPSHOT_BYTES) {
      throw new AppError('CAMERA_UNAVAILABLE', 'there is no frame to show');
    }
    return jpeg;
  }

  #result(id: string | undefined, error?: CommandError): Delivery {
    const payload = JSON.stringify({ version: 1, id, ok: error === undefined, error });
    return { topic: commandResultTopic(this.#options.deviceId), payload, retain: false };
  }
}
