// The bounds of enrolment: from where on two faces are certainly of two people, and from where on certainly of one.
import { correctedCosine } from './bias.js';
import type { SimilarityScales } from './similarity-scales.js';
import type { Template } from './template.js';

/**
 * Similarity below which two faces without any flaw are of different people. It is far below every threshold of a door, because a second
 * picture of a person must hardly ever be refused. With it, 0.35 % of the 8,099 pairs of one person in LFW are taken for two people (28, of
 * which some have wrong names in LFW); of 29.6 million pairs of two people 2.6 % are not noticed. Of 10,000 pairs of one person with one face
 * blurred (sigma 2.2) 2.1 % are taken for two people, with a drawn mask 1.8 % (standard set, 8 bits where it has them). Of the 2,128 pairs of
 * the people who are held out, the sets standard, accurate and accurate-large take none for two people, and the built-in set 0.9 %; they do
 * not notice 2.5 to 3.0 % of the 2.7 million pairs of two people (2026-11-28).
 */
const ANOTHER_PERSON_SIMILARITY = 50;
/**
 * Similarity from which two faces are of one person, whatever the size of the gallery. Of 29.6 million pairs of two names in LFW 17 reach
 * it: most of them are one person whom LFW has under two names. 73 % of the pairs of one person reach it (as above).
 */
export const SAME_PERSON_SIMILARITY = 92;

/**
 * Tells whether two recognisable templates are certainly of different people. The bound falls with the recognisability of both, as the
 * cosine of two pictures of one person does. Where one of them is not recognisable, nothing is certain.
 */
export function isAnotherPerson(one: Template, other: Template, scales: SimilarityScales): boolean {
  if (!scales.isRecognisable(one.condition) || !scales.isRecognisable(other.condition)) return false;
  const expected = (one.condition?.recognisability ?? 1) * (other.condition?.recognisability ?? 1);
  return correctedCosine(one, other) < scales.scale.toCosine(ANOTHER_PERSON_SIMILARITY) * expected;
}
