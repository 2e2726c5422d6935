// Runs the whole service, `lintel serve`, which is killed while REST clients use it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkRecords } from '../../src/cli/doctor/records.js';
import { toImage, startService, type Answer, type Service } from '../../test/support/service.js';
import { Unanswered, type Target, type Victim } from './kill-rounds.js';
import type { FoundGroup, ListedFace } from './ledger.js';

export interface ServiceTargetOptions {
  /** Folder of data, keys and configuration. */
  folder: string;
  modelsDir: string;
  /** Number of faces in the photograph. */
  photo: string;
  facesPerPicture: number;
}

export function createServiceTarget({ folder, modelsDir, photo, facesPerPicture }: ServiceTargetOptions): Target {
  const image = toImage(readFileSync(photo));
  return {
    facesPerPicture,
    answers: { min: 1, max: 20 },
    delayMs: 60,
    async start() {
      const service = await startService({ folder, modelsDir, config: { vision: { workers: 1 } } });
      return new ServiceVictim(service, { folder, image, facesPerPicture });
    },
  };
}

interface FaceBody {
  faceId: string;
  imageId: string;
  externalImageId?: string;
}

class ServiceVictim implements Victim {
  readonly #service: Service;
  readonly #folder: string;
  readonly #image: object;
  readonly #facesPerPicture: number;

  constructor(
    service: Service,
    { folder, image, facesPerPicture }: { folder: string; image: object; facesPerPicture: number },
  ) {
    this.#service = service;
    this.#folder = folder;
    this.#image = image;
    this.#facesPerPicture = facesPerPicture;
  }

  async createGroup(groupId: string): Promise<void> {
    await this.#call('POST', '/groups', { groupId });
  }

  async deleteGroup(groupId: string): Promise<void> {
    await this.#call('DELETE', `/groups/${groupId}`);
  }

  async register(groupId: string, picture: string): Promise<string[]> {
    const { addedFaces } = await this.#call<{ addedFaces: FaceBody[] }>('POST', `/groups/${groupId}`, {
      image: this.#image,
      externalImageId: picture,
      limit: this.#facesPerPicture,
      orientation: false,
      mask: false,
    });
    if (addedFaces.length !== this.#facesPerPicture) throw new Error(`${addedFaces.length} faces were added`);
    return addedFaces.map(({ faceId }) => faceId);
  }

  async deleteFace(groupId: string, faceId: string): Promise<void> {
    await this.#call('DELETE', `/groups/${groupId}/faces/${faceId}`);
  }

  async groupIds(): Promise<string[]> {
    const groups = await this.#list<{ groupId: string }>('/groups', 'groups');
    return groups.map(({ groupId }) => groupId);
  }

  async inspect(groupId: string): Promise<FoundGroup> {
    const { groups } = await this.#call<{ groups: { faceCount: number }[] }>('GET', `/groups/${groupId}`);
    const listed = await this.#list<FaceBody>(`/groups/${groupId}/faces`, 'faces');
    const faces = listed.map(({ faceId, imageId, externalImageId = '' }) => ({
      faceId,
      imageId,
      picture: externalImageId,
    }));
    return { faceCount: groups[0]!.faceCount, faces, unsearchable: await this.#unsearchable(groupId, faces) };
  }

  async listProblems(): Promise<string[]> {
    const folders = { dataDir: join(this.#folder, 'data'), keysDir: join(this.#folder, 'keys') };
    const findings = await checkRecords(folders, { environment: {}, clock: Date.now });
    return findings.filter(({ level }) => level === 'fail').map(({ text }) => text);
  }

  async kill(): Promise<void> {
    await this.#service.kill();
  }

  /**
   * Lists the faces that no search finds. Every picture is the same, so the faces are those of a few people: a search by one face of
   * each person must find all the others.
   */
  async #unsearchable(groupId: string, faces: readonly ListedFace[]): Promise<string[]> {
    const left = new Set(faces.map(({ faceId }) => faceId));
    for (let person = 0; person < this.#facesPerPicture; person++) {
      const [first] = left;
      if (first === undefined) break;
      left.delete(first);
      const { matchFaces } = await this.#call<{ matchFaces: { face: FaceBody }[] }>(
        'GET',
        `/groups/${groupId}/faces/${first}?limit=4096&threshold=99`,
      );
      const listed = new Set(faces.map(({ faceId }) => faceId));
      for (const { face } of matchFaces) {
        if (!listed.has(face.faceId)) throw new Error(`a search found ${face.faceId}, which is not listed`);
        left.delete(face.faceId);
      }
    }
    return [...left];
  }

  async #list<T>(path: string, field: string): Promise<T[]> {
    const all: T[] = [];
    let token: string | undefined;
    do {
      const query: string = token === undefined ? 'limit=200' : `next-token=${encodeURIComponent(token)}`;
      const page = await this.#call<Record<string, T[]> & { nextToken?: string }>('GET', `${path}?${query}`);
      all.push(...page[field]!);
      token = page.nextToken;
    } while (token !== undefined);
    return all;
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    let answer: Answer;
    try {
      answer = await this.#service.call(method, path, body);
    } catch (cause) {
      // fetch throws a TypeError for a connection that was refused or cut off.
      if (!(cause instanceof TypeError)) throw cause;
      throw new Unanswered('the service has ended', { cause });
    }
    const { isSuccessful, resultCode, detail } = answer.header;
    if (!isSuccessful) throw new Error(`${method} was answered with ${resultCode} (${detail ?? 'no detail'})`);
    return answer.data as T;
  }
}
