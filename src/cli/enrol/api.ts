// The operations of the REST API that an enrolment needs, and the fields of their answers that it reads.
import * as z from 'zod';
import type { EnrolmentPolicy } from '../../domain/enrolment-policy.js';
import type { EnrolClient } from './client.js';

const point = z.object({ x: z.number(), y: z.number() });

const detectedFace = z.object({
  bbox: z.object({ x0: z.number(), y0: z.number(), x1: z.number(), y1: z.number() }),
  landmarks: z.tuple([point, point, point, point, point]),
  orientation: z.object({ x: z.number(), y: z.number(), z: z.number() }),
  mask: z.boolean().optional(),
  confidence: z.number(),
});
/** A face in the answer of detect: coordinates are shares of the picture's width and height, angles are degrees. */
export type ApiFace = z.output<typeof detectedFace>;

const searchMatch = z.object({
  face: z.object({ faceId: z.string(), externalImageId: z.string().optional() }),
  similarity: z.number(),
});
/** An enrolled face in the answer of a search, with its similarity (0..100) to the face in the picture. */
export type ApiMatch = z.output<typeof searchMatch>;

const groupDetails = z.object({ groups: z.tuple([z.object({ createTime: z.string() })]) });
const detected = z.object({ faceDetails: z.array(detectedFace) });
const found = z.object({ matchFaces: z.array(searchMatch) });
const listed = z.object({
  faces: z.array(z.object({ externalImageId: z.string().optional() })),
  nextToken: z.string().optional(),
});
const registered = z.object({ addedFaces: z.array(z.object({ faceId: z.string() })).max(1) });

/** Outcome of the only face of a picture. */
export interface ApiRegistration {
  /** Id of the enrolled face; absent where the service did not accept it. */
  faceId?: string;
  /** Why the service did not accept the face, or its doubts about an enrolled one, in sentences. */
  detail?: string;
}

/** Most faces of one page of the list. */
const PAGE_LIMIT = 200;
/** Number of matches that a search asks for. With more pictures of one person than this, another person's may be missed. */
const MAX_MATCHES = 100;

/** The REST API for one group. Each method @throws like EnrolClient.call */
export class EnrolApi {
  readonly #client: Pick<EnrolClient, 'call'>;
  readonly #group: string;

  constructor(client: Pick<EnrolClient, 'call'>, group: string) {
    this.#client = client;
    this.#group = group;
  }

  /** @returns the time at which the group was created */
  async getGroupCreated(): Promise<string> {
    const { data } = await this.#client.call('GET', `/groups/${this.#group}`, groupDetails);
    return data.groups[0].createTime;
  }

  async createGroup(): Promise<void> {
    await this.#client.call('POST', '/groups', z.unknown(), { groupId: this.#group });
  }

  async detect(base64: string): Promise<ApiFace[]> {
    const body = { image: { bytes: base64 } };
    return (await this.#client.call('POST', '/detect', detected, body)).data.faceDetails;
  }

  /** Reads the list of the group's faces until all ids are found. @returns those ids that have a face in the group */
  async findEnrolled(externalImageIds: ReadonlySet<string>): Promise<Set<string>> {
    const enrolled = new Set<string>();
    let token: string | undefined;
    do {
      const page = token === undefined ? '' : `&next-token=${encodeURIComponent(token)}`;
      const path = `/groups/${this.#group}/faces?limit=${PAGE_LIMIT}${page}`;
      const { data } = await this.#client.call('GET', path, listed);
      for (const { externalImageId: id } of data.faces) {
        if (id !== undefined && externalImageIds.has(id)) enrolled.add(id);
      }
      token = data.nextToken;
    } while (token !== undefined && enrolled.size < externalImageIds.size);
    return enrolled;
  }

  /** @param threshold lowest similarity, 1..100 @returns the matches, the most similar first */
  async search(base64: string, threshold: number): Promise<ApiMatch[]> {
    const path = `/groups/${this.#group}/search?threshold=${threshold}&limit=${MAX_MATCHES}`;
    const body = { image: { bytes: base64 }, orientation: false, mask: false };
    return (await this.#client.call('POST', path, found, body)).data.matchFaces;
  }

  /** Registers the only face of a picture. The service applies the policy, or that of the group where it is stricter. */
  async register(base64: string, externalImageId: string, enrolment: EnrolmentPolicy): Promise<ApiRegistration> {
    const face = { externalImageId, limit: 1, enrolment, origin: 'bulk', orientation: false, mask: false };
    const body = { image: { bytes: base64 }, ...face };
    const { data, detail } = await this.#client.call('POST', `/groups/${this.#group}`, registered, body);
    const faceId = data.addedFaces[0]?.faceId;
    return { ...(faceId !== undefined && { faceId }), ...(detail !== undefined && { detail }) };
  }
}
