// Keeps the answers that clients got, outside of the process under test, and compares them with the gallery after a restart.

/** A face as a listing shows it; `picture` is the externalImageId that its client gave. */
export interface ListedFace {
  faceId: string;
  imageId: string;
  picture: string;
}

/** A group as it is found after a restart. */
export interface FoundGroup {
  faceCount: number;
  faces: ListedFace[];
  /** Ids that a search for them did not find. */
  unsearchable: string[];
}

type GroupState = 'creating' | 'there' | 'deleting' | 'deleted';
type FaceState = 'there' | 'deleting' | 'deleted';

interface Picture {
  groupId: string;
  /** Faces of the acknowledged registration; undefined while no answer has come. */
  faces?: Map<string, FaceState>;
}

export class Ledger {
  readonly #facesPerPicture: number;
  readonly #groups = new Map<string, GroupState>();
  readonly #pictures = new Map<string, Picture>();
  registered = 0;
  deletedFaces = 0;
  deletedGroups = 0;
  /** Requests without an answer, whose outcome had to be looked up. */
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

  /** A face of the group that is there and that nobody else deletes; from here on it is being deleted. */
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

  /** Groups that are there for certain, in the order of their creation. */
  groups(): string[] {
    return [...this.#groups].filter(([, state]) => state === 'there').map(([groupId]) => groupId);
  }

  /**
   * Compares, and takes over what is there where nobody had said how a request ended.
   * @returns a sentence for each thing that must not be
   */
  settle(found: ReadonlyMap<string, FoundGroup>): string[] {
    const problems: string[] = [];
    for (const groupId of found.keys()) {
      const state = this.#groups.get(groupId);
      if (state === undefined) problems.push(`group ${groupId} is there, and nobody made it`);
      if (state === 'deleted') problems.push(`group ${groupId} is there, its deletion was acknowledged`);
    }
    for (const [groupId, state] of [...this.#groups]) {
      const group = found.get(groupId);
      if (state === 'there' && !group) problems.push(`group ${groupId} is gone, its creation was acknowledged`);
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
    const problems = unsearchable.map((faceId) => `face ${faceId} is listed, a search does not find it`);
    if (new Set(faces.map((face) => face.faceId)).size !== faces.length) {
      problems.push(`group ${groupId} lists a face twice`);
    }
    if (faceCount !== faces.length) {
      problems.push(`group ${groupId} counts ${faceCount} faces and lists ${faces.length}`);
    }
    const byPicture = new Map<string, ListedFace[]>();
    for (const face of faces) byPicture.set(face.picture, [...(byPicture.get(face.picture) ?? []), face]);
    for (const picture of byPicture.keys()) {
      if (this.#pictures.get(picture)?.groupId !== groupId) problems.push(`nobody registered picture ${picture}`);
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

  /** Nobody was told how its registration ended: it is there with every face, or not at all. */
  #settlePicture(picture: string, present: readonly ListedFace[]): string[] {
    if (present.length === 0 || present.length === this.#facesPerPicture) return [];
    return [`picture ${picture} is there with ${present.length} of its ${this.#facesPerPicture} faces`];
  }
}

function settleFaces(faces: ReadonlyMap<string, FaceState>, present: readonly ListedFace[]): string[] {
  const ids = new Set(present.map((face) => face.faceId));
  const problems = [...ids]
    .filter((id) => !faces.has(id))
    .map((id) => `face ${id} is there, and nobody was told of it`);
  for (const [id, state] of faces) {
    if (state === 'there' && !ids.has(id)) problems.push(`face ${id} is gone, its registration was acknowledged`);
    if (state === 'deleted' && ids.has(id)) problems.push(`face ${id} is there, its deletion was acknowledged`);
  }
  return problems;
}
