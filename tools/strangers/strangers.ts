// Strangers before a door, each in a random condition: how many are granted, and how many enrolled people are.
import { decodeCrop } from '../../src/cli/models/decode-crop.js';
import { readLabelledPictures } from '../../src/models/calibrate/aligned-pictures.js';
import { chooseHalf, listHeldOutPeople, readPairs } from '../../src/models/calibrate/lfw-pairs.js';
import type { ModelSet } from '../../src/models/manifest.js';
import { loadAddon } from '../../src/native/addon.js';
import type { Picture } from '../rendered-people/head.js';
import { seededRandom } from '../rendered-people/random.js';
import { drawCondition, nameKinds } from './conditions.js';
import { Door, type Visit, type VisitResult } from './visits.js';

/** Visits that are composed and played together; their frames are held in memory. */
const BATCH = 20;

export interface StrangersOptions {
  set: ModelSet;
  modelsDir: string;
  /** Archive of aligned LFW faces, and the list of its pairs. */
  archive: string;
  pairs: string;
  strangers: number;
  /** Number of enrolled people. Every second one is enrolled in a random condition, where that is accepted. */
  enrolled: number;
  seed: number;
  onBatch?: (done: number, tally: StrangersTally) => void;
}

export interface StrangersTally {
  strangers: number;
  /** Strangers for whom an event was published: their faces were accepted. */
  accepted: number;
  /** Strangers who were granted, with their conditions. */
  granted: { condition: string; as: string }[];
  /** Enrolled people, who were then shown by another picture in good condition; and how many were granted as themselves. */
  known: { shown: number; granted: number; grantedAsOther: number };
  /** Enrolled people whose picture was in a random condition, and how many of these pictures were refused. */
  degradedEnrolments: { tried: number; refused: number };
  /** Strangers and accepted ones by kind of condition. */
  byKind: Map<string, { strangers: number; accepted: number }>;
}

/** Runs the simulation. People of the training and of the calibration are left out. @throws RangeError where there are too few people */
export async function runStrangers(options: StrangersOptions): Promise<StrangersTally> {
  const { set, modelsDir, strangers, enrolled, seed, onBatch } = options;
  const people = await readPeople(options);
  const known = people.filter(({ crops }) => crops.length > 1).slice(0, enrolled);
  const others = people.filter((one) => !known.includes(one));
  if (known.length < enrolled || others.length < strangers) {
    throw new RangeError(`there are ${known.length} people to enrol and ${others.length} strangers, which are too few`);
  }
  const random = seededRandom(seed, 12);
  const tally: StrangersTally = {
    strangers: 0,
    accepted: 0,
    granted: [],
    known: { shown: 0, granted: 0, grantedAsOther: 0 },
    degradedEnrolments: { tried: 0, refused: 0 },
    byKind: new Map(),
  };
  const door = await Door.open({ set, modelsDir });
  try {
    for (const [i, { name, crops }] of known.entries()) {
      const picture = { crop: crops[0]!, seed: seed + i };
      if (i % 2 === 1) {
        tally.degradedEnrolments.tried++;
        if (await door.enrol(name, { ...picture, condition: drawCondition(random) })) continue;
        tally.degradedEnrolments.refused++;
      }
      await door.enrol(name, { ...picture, condition: 'clear' });
    }
    const guests = known.map(({ crops }, i): Visit => ({
      crop: crops[1]!,
      condition: 'clear',
      seed: seed + 5_000 + i,
    }));
    for (const [i, result] of (await receive(door, guests)).entries()) {
      tally.known.shown++;
      if (result.granted === known[i]!.name) tally.known.granted++;
      else if (result.granted !== undefined) tally.known.grantedAsOther++;
    }
    for (let at = 0; at < strangers; at += BATCH) {
      const visits = others.slice(at, Math.min(strangers, at + BATCH)).map(({ crops }, i): Visit => {
        return { crop: crops[0]!, condition: drawCondition(random), seed: seed + 10_000 + at + i };
      });
      const results = await door.receive(visits);
      results.forEach((result, i) => count(tally, visits[i]!.condition, result));
      onBatch?.(tally.strangers, tally);
    }
    return tally;
  } finally {
    await door.close();
  }
}

async function receive(door: Door, visits: readonly Visit[]): Promise<VisitResult[]> {
  const results: VisitResult[] = [];
  for (let at = 0; at < visits.length; at += BATCH) results.push(...(await door.receive(visits.slice(at, at + BATCH))));
  return results;
}

function count(tally: StrangersTally, condition: string, { events, granted }: VisitResult): void {
  const kind = nameKinds(condition);
  const ofKind = tally.byKind.get(kind) ?? { strangers: 0, accepted: 0 };
  tally.byKind.set(kind, ofKind);
  tally.strangers++;
  ofKind.strangers++;
  if (events.length > 0) {
    tally.accepted++;
    ofKind.accepted++;
  }
  if (granted !== undefined) tally.granted.push({ condition, as: granted });
}

interface Person {
  name: string;
  crops: Picture[];
}

async function readPeople({ archive, pairs }: Pick<StrangersOptions, 'archive' | 'pairs'>): Promise<Person[]> {
  const heldOut = listHeldOutPeople(readPairs(pairs));
  const addon = loadAddon();
  const people = new Map<string, Person>();
  for await (const { person: name, bytes } of readLabelledPictures(archive)) {
    if (!heldOut.has(name) || chooseHalf(name) !== 'bench') continue;
    const person = people.get(name) ?? { name, crops: [] };
    people.set(name, person);
    if (person.crops.length < 2) person.crops.push(await decodeCrop(bytes, addon));
  }
  return [...people.values()];
}
