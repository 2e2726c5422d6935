// Cases of a picture in bytes: base64, formats, sizes, kinds of JPEG and PNG, orientation.
import type { Data, FaceDetail } from '../client.js';
import { makeBlankPng, padJpeg } from '../image-files.js';
import { askFor, V1 } from '../operations.js';
import type { Pictures } from '../pictures.js';
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type World } from '../world.js';

const detect = (bytes: string) => ({ method: 'POST', path: '/detect', body: { image: { bytes } } });
const detectFile = (file: (pictures: Pictures, world: World) => Uint8Array) => (world: World) => ({
  method: 'POST',
  path: '/detect',
  body: { image: toImageBytes(file(world.pictures, world)) },
});
const detectText = (text: (base64: string) => string) => (world: World) =>
  detect(text(world.pictures.ann.toString('base64')));

/** Checks that the answer has one face, at the place where it was drawn. @throws Unfit */
function annIsThere(data: Data, world: World): void {
  same(data.faceDetailCount, 1, 'faceDetailCount');
  overlaps(data.faceDetails[0]!.bbox, world.pictures.annBox, 0.5);
}

/** Checks that two boxes have at least this overlap (IoU). @throws Unfit */
export function overlaps(a: FaceDetail['bbox'], b: FaceDetail['bbox'], atLeast: number): void {
  const width = Math.max(0, Math.min(a.x1, b.x1) - Math.max(a.x0, b.x0));
  const height = Math.max(0, Math.min(a.y1, b.y1) - Math.max(a.y0, b.y0));
  const area = ({ x0, y0, x1, y1 }: FaceDetail['bbox']): number => (x1 - x0) * (y1 - y0);
  const iou = (width * height) / (area(a) + area(b) - width * height);
  must(iou >= atLeast, `a box that shares at least ${atLeast} of ${JSON.stringify(b)}, not ${iou.toFixed(3)}`);
}

const base64Cases: Case[] = [
  {
    name: 'base64 with its padding',
    ask: detectText((text) => text.replace(/=+$/, '').padEnd(Math.ceil(text.length / 4) * 4, '=')),
    check: annIsThere,
  },
  { name: 'base64 without padding', ask: detectText((text) => text.replace(/=+$/, '')), check: annIsThere },
  ...(
    [
      ['empty', () => ''],
      ['of white space', () => '   '],
      ['with a data: prefix', (text: string) => `data:image/jpeg;base64,${text}`],
      ['with line breaks', (text: string) => text.replace(/.{76}/g, '$&\n')],
      ['with a space in front', (text: string) => ` ${text}`],
      ['with a newline behind', (text: string) => `${text}\n`],
      ['with a dash, of the alphabet of URLs', (text: string) => `${text.slice(0, 40)}-${text.slice(41)}`],
      ['with an underscore, of the alphabet of URLs', (text: string) => `${text.slice(0, 40)}_${text.slice(41)}`],
      ['with a letter beyond ASCII', (text: string) => `${text.slice(0, 40)}é${text.slice(41)}`],
      ['with a percent sign', (text: string) => `${text.slice(0, 40)}%${text.slice(41)}`],
      ['of padding alone', () => '===='],
      ['of one letter', () => 'A'],
      ['of five letters', () => 'AAAAA'],
      ['with padding in the middle', () => 'AA==AAAA'],
      ['with too much padding', () => 'AAAA===='],
      ['that is a url', () => 'https://example.com/face.jpg'],
    ] as const
  ).map(([what, text]): Case => ({ name: `bytes ${what}`, ask: detectText(text), code: -45030 })),
];

/** Cases that every operation checks each of its pictures. */
const everyFieldCases = V1.operations.flatMap((one) =>
  (one.images ?? []).flatMap((field): Case[] => {
    const side = field === 'sourceImage' ? ':Source' : field === 'targetImage' ? ':Target' : undefined;
    const row = (what: string, code: number, image: (pictures: Pictures) => object): Case => ({
      name: `${one.name}: ${field} is ${what}`,
      code,
      side,
      ask: (world) => askFor(V1, one, world, { body: { [field]: image(world.pictures) } }),
    });
    return [
      row('no base64', -45030, () => ({ bytes: '***' })),
      row('plain text', -45040, ({ formats }) => toImageBytes(formats['plain text'])),
      row('half a JPEG', -45080, ({ broken }) => toImageBytes(broken['a JPEG cut in the middle']!)),
      row('of 60 megapixels', -45020, () => toImageBytes(makeBlankPng(10_000, 6_000))),
      row('at a refused url', -45050, () => ({ url: 'http://127.0.0.1/face.jpg' })),
    ];
  }),
);

const FORMATS: readonly (keyof Pictures['formats'])[] = [
  'a GIF',
  'a WebP',
  'a TIFF',
  'an SVG',
  'an HTML page',
  'a PDF',
  'a BMP header',
  'plain text',
  'zeros',
  'one byte',
];

const BROKEN = [
  'the first three bytes of a JPEG',
  'a JPEG cut at its header',
  'a JPEG cut in the middle',
  'a JPEG cut at nine tenths',
  'a PNG signature alone',
  'a PNG cut at its header',
  'a PNG cut in the middle',
  'a PNG with a flipped byte',
  'a PNG of 79 x 80 px',
  'a PNG of 80 x 79 px',
  'a PNG of 1 x 1 px',
] as const;

const KINDS: readonly (keyof Pictures['kinds'])[] = [
  'a JPEG of 4:4:4',
  'a progressive JPEG',
  'a grey JPEG',
  'a CMYK JPEG',
  'a JPEG with a colour profile',
  'a PNG',
  'an interlaced PNG',
  'a grey PNG',
  'a palette PNG',
  'a 16-bit PNG',
  'a 16-bit grey PNG',
  'a PNG with alpha',
  'a grey PNG with alpha',
];

const fileCases: Case[] = [
  ...FORMATS.map((kind): Case => ({
    name: `${kind} is not accepted as a picture`,
    ask: detectFile(({ formats }) => formats[kind]),
    code: -45040,
  })),
  ...BROKEN.map((kind): Case => ({
    name: `${kind} is refused`,
    ask: detectFile(({ broken }) => broken[kind]!),
    code: -45080,
  })),
  ...KINDS.map((kind): Case => ({
    name: `${kind} is accepted`,
    ask: detectFile(({ kinds }) => kinds[kind]),
    shape: V1.shapes.detect(),
    check: annIsThere,
  })),
  {
    name: 'a picture of 80 x 80 px is accepted',
    ask: detectFile(() => makeBlankPng(80, 80)),
    shape: V1.shapes.detect(),
  },
  { name: 'a picture of 50 megapixels is accepted', ask: detectFile(() => makeBlankPng(10_000, 5_000)) },
  {
    name: 'a picture with one row more than 50 megapixels is refused',
    ask: detectFile(() => makeBlankPng(10_000, 5_001)),
    code: -45020,
  },
  {
    name: 'a picture of 60,000 px in width is refused',
    ask: detectFile(() => makeBlankPng(60_000, 1_000)),
    code: -45020,
  },
  {
    name: 'a picture wider than 2048 px is scaled down, and its boxes are fractions of it',
    ask: detectFile(({ wide }) => wide),
    check: annIsThere,
  },
  {
    name: 'a picture of exactly the allowed number of bytes is accepted',
    ask: detectFile(({ ann }, { options }) => padJpeg(ann, options.maxImageBytes)),
    check: annIsThere,
  },
  {
    name: 'a picture of one byte more is refused',
    ask: detectFile(({ ann }, { options }) => padJpeg(ann, options.maxImageBytes + 1)),
    code: -45020,
  },
  {
    name: 'a picture of three times as many bytes is refused',
    ask: (world) => detect('A'.repeat(world.options.maxImageBytes * 4)),
    code: -45020,
  },
];

const orientationCases = [1, 2, 3, 4, 5, 6, 7, 8].map((orientation): Case => ({
  name: `Exif orientation ${orientation} is applied: the box is the upright picture's`,
  ask: detectFile(({ orientations }) => orientations[orientation - 1]!),
  shape: V1.shapes.detect(),
  check: (data, world) => {
    annIsThere(data, world);
    const { landmarks } = data.faceDetails[0]!;
    must(landmarks[0]!.x < landmarks[1]!.x && landmarks[0]!.y < landmarks[3]!.y, 'the landmarks of an upright face');
  },
}));

export const imageCases: Case[] = [
  ...base64Cases,
  ...everyFieldCases,
  ...fileCases,
  ...orientationCases,
  {
    name: 'a registered picture with Exif orientation 6 has the box of the upright one, and is found by it',
    run: async (world) => {
      const groupId = await world.newGroup();
      const { orientations, ann, annBox } = world.pictures;
      const body = { image: toImageBytes(orientations[5]!) };
      const registered = await world.succeed({ method: 'POST', path: `/groups/${groupId}`, body });
      same(registered.addedFaceCount, 1, 'addedFaceCount');
      overlaps(registered.addedFaces[0]!.bbox, annBox, 0.5);
      const search = { method: 'POST', path: `/groups/${groupId}/search`, body: { image: toImageBytes(ann) } };
      same((await world.succeed(search)).matchFaceCount, 1, 'matchFaceCount');
    },
  },
];
