// The small pictures that fuzzing begins with: each form of JPEG and PNG that is accepted, and some that are refused.
import sharp, { type Sharp } from 'sharp';
import { animated, exif, png, seedRandom, withClaimedSize, withSegment } from '../../test/hostile/files.js';
import { progressiveJpeg } from '../../test/hostile/progressive.js';
import { greyJpeg } from '../../test/vision/jpeg-bytes.js';

/** Makes the corpus, which is the same in each run of one version of sharp. */
export async function makeCorpus(): Promise<Buffer[]> {
  const [width, height] = [104, 88];
  const next = seedRandom(5);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => ((i / 40) & 127) + next() * 60);
  const picture = (): Sharp => sharp(data, { raw: { width, height, channels: 3 } });
  const forms: Sharp[] = [
    picture().jpeg({ quality: 70 }),
    picture().jpeg({ quality: 70, chromaSubsampling: '4:4:4' }),
    picture().jpeg({ quality: 70, progressive: true }),
    picture().jpeg({ quality: 70, progressive: true, chromaSubsampling: '4:4:4' }),
    picture().greyscale().jpeg({ quality: 70 }),
    picture().toColourspace('cmyk').jpeg({ quality: 70 }),
    picture().withIccProfile('p3').jpeg({ quality: 70 }),
    picture().png(),
    picture().png({ progressive: true }),
    picture().png({ palette: true, colours: 16 }),
    picture().ensureAlpha(0.5).png(),
    picture().ensureAlpha(0.5).png({ palette: true }),
    picture().toColourspace('rgb16').png(),
    picture().toColourspace('b-w').ensureAlpha(0.5).png({ progressive: true }),
    picture().withIccProfile('p3').png(),
  ];
  const files = await Promise.all(forms.map((form) => form.toBuffer()));
  const [jpeg, , progressive] = files;
  const plainPng = files[7]!;
  return [
    ...files,
    withSegment(jpeg!, 0xe1, exif(0x0112, 6)),
    withSegment(progressive!, 0xe1, exif(0x0112, 3)),
    withClaimedSize(jpeg!, 3_000, 2_000),
    greyJpeg({ blocksAcross: 13, blocksDown: 11, blocksPerInterval: 7 }),
    progressiveJpeg({ widthPx: 96, heightPx: 96, scans: 20, components: 3 }),
    progressiveJpeg({ widthPx: 400, heightPx: 300, scans: 12, band: 'all' }),
    animated(plainPng),
    png({ widthPx: 120, heightPx: 90, bits: 1, colour: 0 }),
    png({ widthPx: 120, heightPx: 90, bits: 16, colour: 4, interlaced: true }),
  ];
}
