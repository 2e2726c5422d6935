// The operations of the REST API that an enrolment needs, and the fields of their answers that it looks at.
import { z } from 'zod';
import type { EnrolClient } from './client.js';

const point = z.object({ x: z.number(), y: z.number() });

export const detectedFace = z.object({
  bbox: z.object({ x0: z.number(), y0: z.number(), x1: z.number(), y1: z.number() }),
  landmarks: z.array(point).length(5),
  orientation: z.object({ x: z.number(), y: z.number(), z: z.number() }),
  mask: z.boolean().optional(),
  confidence: z.number(),
});

export const searchMatch = z.object({
  face: z.object({ faceId: z.string(), externalImageId: z.string().optional() }),
  similarity: z.number(),
});

const groupDetails = z.object({ groups: z.array(z.object({ createTime: z.string() })).length(1) });
const detected = z.object({ faceDetails: z.array(detectedFace) });
const found = z.object({ matchFaces: z.array(searchMatch) });
const registered = z.object({ addedFaces: z.array(z.object({ faceId: z.string() })).max(1) });

/** More enrolled pictures of one person than this may hide somebody else's. */
const MATCHES = 100;

/** One group of the service; each call @throws as EnrolClient.call */
export class EnrolApi {
  readonly #client: Pick<EnrolClient, 'call'>;
  readonly #group: string;

  constructor(client: Pick<EnrolClient, 'call'>, group: string) {
    this.#client = client;
    this.#group = group;
  }

  /** @returns its time of creation */
  async groupCreated(): Promise<string> {
    return (await this.#client.call('GET', `/groups/${this.#group}`, groupDetails)).groups[0].createTime;
  }

  async createGroup(): Promise<void> {
    await this.#client.call('POST', '/groups', z.unknown(), { groupId: this.#group });
  }

  async detect(base64: string): Promise<z.output<typeof detectedFace>[]> {
    const body = { image: { bytes: base64 } };
    return (await this.#client.call('POST', '/detect', detected, body)).faceDetails;
  }

  /** @param threshold 1..100 @returns most similar first */
  async search(base64: string, threshold: number): Promise<z.output<typeof searchMatch>[]> {
    const path = `/groups/${this.#group}/search?threshold=${threshold}&limit=${MATCHES}`;
    const body = { image: { bytes: base64 }, orientation: false, mask: false };
    return (await this.#client.call('POST', path, found, body)).matchFaces;
  }

  /** @returns the id of the face; undefined where the service did not accept it */
  async register(base64: string, externalImageId: string): Promise<string | undefined> {
    const body = { image: { bytes: base64 }, externalImageId, limit: 1, orientation: false, mask: false };
    const { addedFaces } = await this.#client.call('POST', `/groups/${this.#group}`, registered, body);
    return addedFaces[0]?.faceId;
  }
}
