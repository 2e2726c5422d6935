// The ledger: records the answers that clients got, outside the process under test, and compares them with the gallery after a restart.

/** A face as a listing shows it; `picture` is the externalImageId that its client gave. */
export interface ListedFace {
  faceId: string;
  imageId: string;
  picture: string;
}

/** Contents of a group after a restart. */
export interface FoundGroup {
  faceCount: number;
  faces: ListedFace[];
  /** Ids of faces that a search for them did not find. */
  unsearchable: string[];
}

type GroupState = 'creating' | 'there' | 'deleting' | 'deleted';
type FaceState = 'there' | 'deleting' | 'deleted';

interface Picture {
  groupId: string;
  /** Faces of the acknowledged registration; undefined before its answer. */
  faces?: Map<string, FaceState>;
}

export class Ledger {
  readonly #facesPerPicture: number;
  readonly #groups = new Map<string, GroupState>();
  readonly #pictures = new Map<string, Picture>();
  registered = 0;
  deletedFaces = 0;
  deletedGroups = 0;
  /** Number of requests without an answer, whose outcome had to be looked up. */
  unanswered = 0;

  constructor(facesPerPicture: number) {
    this.#facesPerPicture = facesPerPicture;
  }

  creating(groupId: string): void {
    this.#groups.set(groupId, 'creating');
  }

  created(groupId: string): void {
    this.#groups.set(groupId, 'there');
  }

  deletingGroup(groupId: string): void {
    this.#groups.set(groupId, 'deleting');
  }

  deletedGroup(groupId: string): void {
    this.#groups.set(groupId, 'deleted');
    this.deletedGroups++;
  }

  registering(picture: string, groupId: string): void {
    this.#pictures.set(picture, { groupId });
  }

  registeredFaces(picture: string, faceIds: readonly string[]): void {
    const entry = this.#pictures.get(picture);
    if (entry) entry.faces = new Map(faceIds.map((id) => [id, 'there']));
    this.registered++;
  }

  /** Chooses a face of the group that no client is deleting, and marks it as being deleted. @returns undefined when there is none */
  takeFace(groupId: string, random: () => number): { picture: string; faceId: string } | undefined {
    const all = this.#facesThere(groupId);
    if (all.length === 0) return undefined;
    const taken = all[Math.floor(random() * all.length)];
    this.#pictures.get(taken!.picture)?.faces?.set(taken!.faceId, 'deleting');
    return taken;
  }

  deletedFace(picture: string, faceId: string): void {
    this.#pictures.get(picture)?.faces?.set(faceId, 'deleted');
    this.deletedFaces++;
  }

  faceCount(groupId: string): number {
    return this.#facesThere(groupId).length;
  }

  /** Lists the groups that certainly exist, in the order of their creation. */
  listGroups(): string[] {
    return [...this.#groups].filter(([, state]) => state === 'there').map(([groupId]) => groupId);
  }

  /**
   * Compares the ledger with the gallery. Where a request had no answer, the ledger takes over the outcome that it finds.
   * @returns one sentence for each problem
   */
  settle(found: ReadonlyMap<string, FoundGroup>): string[] {
    const problems: string[] = [];
    for (const groupId of found.keys()) {
      const state = this.#groups.get(groupId);
      if (state === undefined) problems.push(`group ${groupId} exists, but no client created it`);
      if (state === 'deleted') problems.push(`group ${groupId} still exists, but its deletion was acknowledged`);
    }
    for (const [groupId, state] of [...this.#groups]) {
      const group = found.get(groupId);
      if (state === 'there' && !group) problems.push(`group ${groupId} is lost: its creation was acknowledged`);
      if (state === 'creating' || state === 'deleting') this.unanswered++;
      if (group) this.#groups.set(groupId, 'there');
      else this.#forget(groupId);
      if (group) problems.push(...this.#settleGroup(groupId, group));
    }
    return problems;
  }

  #facesThere(groupId: string): { picture: string; faceId: string }[] {
    return [...this.#pictures].flatMap(([picture, entry]) =>
      entry.groupId !== groupId
        ? []
        : [...(entry.faces ?? [])].flatMap(([faceId, state]) => (state === 'there' ? [{ picture, faceId }] : [])),
    );
  }

  #forget(groupId: string): void {
    this.#groups.set(groupId, 'deleted');
    for (const [picture, entry] of this.#pictures) if (entry.groupId === groupId) this.#pictures.delete(picture);
  }

  #settleGroup(groupId: string, { faceCount, faces, unsearchable }: FoundGroup): string[] {
    const problems = unsearchable.map((faceId) => `face ${faceId} is listed, but a search does not find it`);
    if (new Set(faces.map((face) => face.faceId)).size !== faces.length) {
      problems.push(`group ${groupId} lists a face twice`);
    }
    if (faceCount !== faces.length) {
      problems.push(`group ${groupId} counts ${faceCount} faces and lists ${faces.length}`);
    }
    const byPicture = new Map<string, ListedFace[]>();
    for (const face of faces) byPicture.set(face.picture, [...(byPicture.get(face.picture) ?? []), face]);
    for (const picture of byPicture.keys()) {
      if (this.#pictures.get(picture)?.groupId !== groupId)
        problems.push(`picture ${picture} has faces, but no client registered it`);
    }
    for (const [picture, entry] of [...this.#pictures]) {
      if (entry.groupId !== groupId) continue;
      const present = byPicture.get(picture) ?? [];
      this.unanswered += entry.faces ? [...entry.faces.values()].filter((state) => state === 'deleting').length : 1;
      problems.push(...(entry.faces ? settleFaces(entry.faces, present) : this.#settlePicture(picture, present)));
      if (new Set(present.map((face) => face.imageId)).size > 1) problems.push(`picture ${picture} has two imageIds`);
      entry.faces = new Map(present.map((face) => [face.faceId, 'there']));
      if (present.length === 0) this.#pictures.delete(picture);
    }
    return problems;
  }

  /** Checks a picture whose registration had no answer: it must have all of its faces or none. */
  #settlePicture(picture: string, present: readonly ListedFace[]): string[] {
    if (present.length === 0 || present.length === this.#facesPerPicture) return [];
    return [`picture ${picture} has only ${present.length} of its ${this.#facesPerPicture} faces`];
  }
}

function settleFaces(faces: ReadonlyMap<string, FaceState>, present: readonly ListedFace[]): string[] {
  const ids = new Set(present.map((face) => face.faceId));
  const problems = [...ids].filter((id) => !faces.has(id)).map((id) => `face ${id} exists, but no answer named it`);
  for (const [id, state] of faces) {
    if (state === 'there' && !ids.has(id)) problems.push(`face ${id} is lost: its registration was acknowledged`);
    if (state === 'deleted' && ids.has(id)) problems.push(`face ${id} still exists, but its deletion was acknowledged`);
  }
  return problems;
}
