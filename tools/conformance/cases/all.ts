// Lists all cases in the order in which they run.
import { V1 } from '../operations.js';
import type { Case } from '../suite.js';
import { compareCases, verifyCases } from './compare.js';
import { detectCases, spoofingCases } from './detect.js';
import { bodyCases, pathCases } from './frame.js';
import { groupCases } from './groups.js';
import { imageCases } from './images.js';
import { isolationCases, keyCases, unknownKeyCases } from './keys.js';
import { overloadCases, quotaCases } from './limits.js';
import { listingCases } from './listings.js';
import { notFoundCases, orderCases } from './order.js';
import { bodyParameterCases, fieldCases, flagCases, pictureParameterCases, queryParameterCases } from './parameters.js';
import { registerCases } from './register.js';
import { searchCases } from './search.js';
import { unrecognisableCases } from './unrecognisable.js';
import { urlCases } from './urls.js';
import { v2Cases } from './v2.js';

export const V1_CASES: readonly Case[] = [
  ...pathCases,
  ...unknownKeyCases(V1),
  ...keyCases,
  ...isolationCases,
  ...bodyCases(V1),
  ...pictureParameterCases(V1),
  ...flagCases(V1),
  ...queryParameterCases,
  ...bodyParameterCases,
  ...fieldCases(V1),
  ...notFoundCases(V1),
  ...orderCases,
  ...groupCases,
  ...listingCases,
  ...imageCases,
  ...urlCases,
  ...detectCases,
  ...spoofingCases,
  ...registerCases,
  ...searchCases,
  ...compareCases,
  ...unrecognisableCases,
  ...verifyCases,
  ...quotaCases,
  ...overloadCases,
];

/** Cases of v2.0. Their names begin with `v2.0`, and they need a secret key. */
export const V2_CASES: readonly Case[] = v2Cases.map((one) => ({
  ...one,
  name: `v2.0 ${one.name}`,
  needs: one.needs ?? 'secretKey',
}));
