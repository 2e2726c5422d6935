// The state that the cases share: the client, the pictures, and groups on the target that are only read.
import { randomBytes } from 'node:crypto';
import type { Ask, Client, Data, Reply } from './client.js';
import type { Pictures } from './pictures.js';
import type { PictureServer } from './picture-server.js';
import { answered, must } from './suite.js';

export interface WorldOptions {
  client: Client;
  pictures: Pictures;
  /** Largest picture that the target accepts, in bytes. */
  maxImageBytes: number;
  secretKey?: string | undefined;
  otherAppKey?: string | undefined;
  otherSecretKey?: string | undefined;
  /** Facts about a service that was spawned. */
  spawned?: Spawned | undefined;
}

export interface Spawned {
  server: PictureServer;
  revokedAppKey: string;
  maxGroups: number;
  maxFacesPerGroup: number;
}

/** Enrolled people. Ann is enrolled twice, as `ann-1` and `ann-2`; the others once. */
export interface People {
  groupId: string;
  ann: string;
  annAgain: string;
  bob: string;
  carol: string;
}

export class World {
  readonly client: Client;
  readonly pictures: Pictures;
  readonly options: WorldOptions;
  /** Prefix of all groups of this run; no other group on the target has it. */
  readonly prefix = `conformance-${randomBytes(5).toString('hex')}-`;
  #people: People | undefined;
  #emptyGroup: string | undefined;
  #groups = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.client = options.client;
    this.pictures = options.pictures;
  }

  get people(): People {
    if (!this.#people) throw new TypeError('the groups are not created yet');
    return this.#people;
  }

  get emptyGroup(): string {
    if (this.#emptyGroup === undefined) throw new TypeError('the groups are not created yet');
    return this.#emptyGroup;
  }

  /** Facts about the spawned service. @throws TypeError when the target was not spawned */
  get spawned(): Spawned {
    if (!this.options.spawned) throw new TypeError('the target was not spawned');
    return this.options.spawned;
  }

  /** Group and face of the enrolled people, for operations that need one. */
  get place(): { groupId: string; faceId: string } {
    return { groupId: this.people.groupId, faceId: this.people.ann };
  }

  /** Creates the groups that the cases read. @throws Unfit */
  async prepare(): Promise<void> {
    const groupId = await this.newGroup();
    const { ann, annAgain, bob, carol } = this.pictures;
    const enrolled: string[] = [];
    for (const [bytes, name] of [
      [ann, 'ann-1'],
      [annAgain, 'ann-2'],
      [bob, 'bob'],
      [carol, 'carol'],
    ] as const) {
      enrolled.push(await this.enrol(groupId, bytes, name));
    }
    this.#people = { groupId, ann: enrolled[0]!, annAgain: enrolled[1]!, bob: enrolled[2]!, carol: enrolled[3]! };
    this.#emptyGroup = await this.newGroup();
    this.client.keep();
  }

  newGroupId(): string {
    return `${this.prefix}${++this.#groups}`;
  }

  /** Creates a group. @returns its groupId @throws Unfit */
  async newGroup(more: Partial<Ask> = {}): Promise<string> {
    const groupId = this.newGroupId();
    await this.succeed({ method: 'POST', path: '/groups', body: { groupId }, ...more });
    return groupId;
  }

  /** Enrols the largest face of a picture. @returns its faceId @throws Unfit */
  async enrol(groupId: string, picture: Buffer, externalImageId?: string): Promise<string> {
    const body = { image: toImageBytes(picture), limit: 1, externalImageId };
    const data = await this.succeed({ method: 'POST', path: `/groups/${groupId}`, body });
    must(data?.addedFaces?.length === 1, 'one face to be added');
    return data.addedFaces[0]!.faceId;
  }

  /** Sends a request that must succeed. @returns the data of the answer @throws Unfit */
  async succeed(ask: Ask): Promise<Data> {
    const reply = await this.client.ask(ask);
    answered(reply, 0);
    return reply.data as Data;
  }

  /** Sends a request that must be answered with this code. @throws Unfit */
  async refused(ask: Ask, code: number): Promise<Reply> {
    const reply = await this.client.ask(ask);
    answered(reply, code);
    return reply;
  }
}

/** Encodes a picture as the value of a request field. */
export function toImageBytes(picture: Uint8Array): { bytes: string } {
  return { bytes: Buffer.from(picture).toString('base64') };
}
