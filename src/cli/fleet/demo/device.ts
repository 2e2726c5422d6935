// A device of the demonstration: a service of its own, with its configuration, its commands and its REST API.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../errors.js';
import type { FleetStatus } from '../../../fleet/fleet.types.js';
import { DemoProcess, makeLintelArguments, runLintel, waitUntil } from './processes.js';

/** Face that the REST API found, with its similarity of 0 to 100. */
export interface FoundFace {
  externalImageId: string | undefined;
  similarity: number;
}

/** Answer of the REST API. */
interface RestAnswer {
  header: { isSuccessful: boolean; resultMessage: string };
  data?: unknown;
}

export class DemoDevice {
  readonly name: string;
  readonly #folder: string;
  readonly #config: object;
  readonly #signal: AbortSignal;
  #service: DemoProcess | undefined;
  #base = '';
  #brokerUrl = '';

  /** @param folder for its files; it exists @param config beside the folders and ports @param signal ends all waiting */
  constructor(name: string, folder: string, config: object, signal: AbortSignal) {
    this.name = name;
    this.#folder = folder;
    this.#config = config;
    this.#signal = signal;
  }

  get configFile(): string {
    return join(this.#folder, `${this.name}.json`);
  }

  get brokerUrl(): string {
    return this.#brokerUrl;
  }

  /** Starts the service, and waits until it is ready. @throws AppError WORKER_FAILED */
  async start(): Promise<void> {
    const keysDir = join(this.#folder, this.name, 'keys');
    const config = {
      deviceId: this.name,
      dataDir: join(this.#folder, this.name, 'data'),
      keysDir,
      http: { port: 0 },
      mqtt: { embedded: { port: 0 } },
      vision: { workers: 1 },
      log: { level: 'info' },
      ...this.#config,
    };
    // A configuration is YAML, and JSON is YAML as well.
    await writeFile(this.configFile, JSON.stringify(config, null, 2));
    const args = makeLintelArguments(['serve', '--config', this.configFile]);
    this.#service = new DemoProcess(`the service of ${this.name}`, process.execPath, args);
    const [line] = await this.#service.waitFor(/^\{.*"msg":"ready".*$/m, this.#signal);
    const { url, broker } = JSON.parse(line) as { url: string; broker: string };
    const appKey = (await readFile(join(keysDir, 'app-key'), 'utf8')).trim();
    this.#base = `${url}/nhn-face-reco/v1.0/appkeys/${appKey}`;
    this.#brokerUrl = broker;
  }

  async stop(): Promise<void> {
    await this.#service?.stop();
  }

  /** Runs `lintel fleet` with these arguments for this device. @returns what it printed @throws AppError INTERNAL */
  async run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    return runLintel(['fleet', ...args, '--config', this.configFile], this.#signal);
  }

  /** Starts `lintel fleet join` with a token, which waits for the approval. */
  join(token: string): DemoProcess {
    const args = makeLintelArguments(['fleet', 'join', '--config', this.configFile]);
    return new DemoProcess(`lintel fleet join of ${this.name}`, process.execPath, args, `${token}\n`);
  }

  async readStatus(): Promise<FleetStatus> {
    return JSON.parse((await this.run('status', '--json')).stdout) as FleetStatus;
  }

  async createGroup(groupId: string): Promise<void> {
    await this.#ask('POST', '/groups', { groupId });
  }

  /** @returns id of the face */
  async enrol(groupId: string, picture: Buffer, externalImageId: string): Promise<string> {
    const body = { image: { bytes: picture.toString('base64') }, externalImageId, limit: 1 };
    const { data } = await this.#ask('POST', `/groups/${groupId}`, body);
    const faceId = (data as { addedFaces: { faceId: string }[] }).addedFaces[0]?.faceId;
    if (faceId === undefined) throw new AppError('INTERNAL', `${externalImageId} could not be enrolled`);
    return faceId;
  }

  async deleteFace(groupId: string, faceId: string): Promise<void> {
    await this.#ask('DELETE', `/groups/${groupId}/faces/${faceId}`);
  }

  /** Searches with a picture. @returns undefined where there is no such group */
  async search(groupId: string, picture: Buffer): Promise<FoundFace[] | undefined> {
    const answer = await this.#fetch('POST', `/groups/${groupId}/search?threshold=90`, {
      image: { bytes: picture.toString('base64') },
    });
    if (!answer.header.isSuccessful) return undefined;
    const { matchFaces } = answer.data as { matchFaces: { similarity: number; face: { externalImageId?: string } }[] };
    return matchFaces.map(({ similarity, face }) => ({ similarity, externalImageId: face.externalImageId }));
  }

  /** Searches until the outcome is the wanted one. @returns the faces that were found last; undefined where the group is gone */
  async searchUntil(
    groupId: string,
    picture: Buffer,
    what: string,
    isWanted: (found: FoundFace[] | undefined) => boolean,
  ): Promise<FoundFace[] | undefined> {
    const { found } = await waitUntil(
      `${this.name} to say: ${what}`,
      async () => {
        const found = await this.search(groupId, picture);
        return isWanted(found) ? { found } : undefined;
      },
      this.#signal,
    );
    return found;
  }

  async #ask(method: string, path: string, body?: object): Promise<RestAnswer> {
    const answer = await this.#fetch(method, path, body);
    if (answer.header.isSuccessful) return answer;
    throw new AppError('INTERNAL', `${this.name}: the REST API answered ${answer.header.resultMessage}`);
  }

  async #fetch(method: string, path: string, body?: object): Promise<RestAnswer> {
    const init = { method, signal: this.#signal, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(this.#base + path, init);
    return (await response.json()) as RestAnswer;
  }
}
