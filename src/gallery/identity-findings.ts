// Types of what the check of a group finds.
/** A person of the group, by one of their faces. */
export interface NamedFace {
  /** Absent for a face without one. */
  externalImageId?: string;
  faceId: string;
}

/** An externalImageId with faces that are unlike each other. */
export interface SeveralPeople {
  externalImageId: string;
  /** Ids of the faces of each person. */
  people: string[][];
  /** Greatest similarity of two of these people, 0..100. */
  similarity: number;
}

/** Two people who are alike, or one person twice. */
export interface AlikePair {
  people: [NamedFace, NamedFace];
  /** 0..100. */
  similarity: number;
}

/** A face that is near two people who are unlike each other. */
export interface PossibleMorph extends NamedFace {
  near: [NamedFace & { similarity: number }, NamedFace & { similarity: number }];
  /** Similarity of these two people, 0..100. */
  similarity: number;
}

/** A face that is like the other faces of its externalImageId, but less than most. */
export interface DoubtfulFace extends NamedFace {
  externalImageId: string;
  /** Similarity to the mean of the others, 0..100. */
  similarity: number;
}

export interface IdentityFindings {
  faces: number;
  /** People by externalImageId, and faces without one. */
  people: number;
  /** Faces that match nobody, and were not compared. */
  unrecognisable: number;
  /** Similarity from which a face counts as near another person in this group, for the possible morphs. */
  nearSimilarity: number;
  /** Each list is in the order of severity. */
  severalPeople: SeveralPeople[];
  samePerson: AlikePair[];
  lookAlikes: AlikePair[];
  possibleMorphs: PossibleMorph[];
  doubtfulFaces: DoubtfulFace[];
}
