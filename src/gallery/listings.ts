// Lists groups and faces page by page, with a token for the next page.
import type { EnrolledFace, FaceFilter, GroupInfo, Page, PageRequest } from './gallery.types.js';
import type { Group, GroupDirectory } from './group-directory.js';
import type { PageTokens } from './page-token.js';

export class Listings {
  readonly #tokens: PageTokens;

  constructor(tokens: PageTokens) {
    this.#tokens = tokens;
  }

  /** Lists the groups of an owner in the order of their ids. @throws AppError INVALID_TOKEN */
  listGroups(directory: GroupDirectory, owner: string, page: PageRequest): Page<GroupInfo> {
    const scope = ['groups', owner];
    const position = page.token === undefined ? undefined : this.#tokens.read(scope, page.token);
    const limit = position?.limit ?? page.limit;
    const items: GroupInfo[] = [];
    for (const group of directory.after(owner, position?.cursor ?? '')) {
      if (items.length === limit) {
        const cursor = items.at(-1)?.groupId ?? '';
        return { items, nextToken: this.#tokens.issue(scope, { cursor, limit }) };
      }
      items.push(describeGroup(group));
    }
    return { items };
  }

  /** Lists the faces of a group that pass the filter, newest first. @throws AppError INVALID_TOKEN */
  listFaces(group: Group, page: PageRequest, filter: FaceFilter): Page<EnrolledFace> {
    const { faceId = null, imageId = null, externalImageId = null } = filter;
    // The id of the space: if the group is deleted and a new one gets its name, tokens of the old one are not valid there. The space of a copy
    // may be another one after each version.
    const { owner, copyOf } = group.record;
    const scope = ['faces', owner, copyOf?.group ?? group.space.id, JSON.stringify([faceId, imageId, externalImageId])];
    const position = page.token === undefined ? undefined : this.#tokens.read(scope, page.token);
    const limit = position?.limit ?? page.limit;
    const { faces, next } = group.faces.newestBefore(position ? Number(position.cursor) : Infinity, limit, filter);
    return next === undefined
      ? { items: faces }
      : { items: faces, nextToken: this.#tokens.issue(scope, { cursor: String(next), limit }) };
  }
}

/** Returns what clients see of a group. */
export function describeGroup({ record, faces }: Group): GroupInfo {
  const { groupId, modelVersion, createdAtMs, copyOf, successorOf } = record;
  const origin = {
    ...(copyOf && { copyOf }),
    ...(successorOf !== undefined && { successorOf }),
  };
  return { groupId, modelVersion, createdAtMs, faceCount: faces.size, ...origin };
}
