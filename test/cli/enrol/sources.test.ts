// The pictures that a folder or a table yields, and those that are refused before they are opened.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listPictures, type PictureListing } from '../../../src/cli/enrol/sources.js';
import { tempDir } from '../../support/temp-dir.js';

/** Creates a folder with these files; each contains its own name. */
function folderWith(...files: string[]): string {
  const root = tempDir();
  for (const file of files) put(root, file, file);
  return root;
}

function put(root: string, file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

const pictures = (listing: PictureListing) =>
  listing.pictures.map(({ path, externalImageId }) => [path, externalImageId]);
const refused = (listing: PictureListing) => listing.refused.map(({ path, reasons }) => [path, reasons[0]?.reason]);

describe('a folder with a folder for each person', () => {
  it('yields the pictures in the order of their paths, and ignores other and hidden files', async () => {
    const root = folderWith(
      'bob/2.JPEG',
      'bob/1.png',
      'alice/a.jpg',
      'alice/notes.txt',
      'bob/.x.jpg',
      '.git/a.jpg',
      'x.md',
    );
    const listing = await listPictures(root);
    expect(pictures(listing)).toEqual([
      ['alice/a.jpg', 'alice'],
      ['bob/1.png', 'bob'],
      ['bob/2.JPEG', 'bob'],
    ]);
    expect(listing.refused).toEqual([]);
    expect(listing.ignoredFiles).toBe(4);
    expect(listing.people).toEqual([
      { externalImageId: 'alice', path: 'alice' },
      { externalImageId: 'bob', path: 'bob' },
    ]);
  });

  it('yields every kind of picture by the ending of its name, and mentions the videos beside them', async () => {
    const names = [
      'a.jpe',
      'b.JFIF',
      'c.webp',
      'd.avif',
      'e.HEIC',
      'f.heif',
      'g.hif',
      'h.gif',
      'i.tif',
      'j.TIFF',
      'k.bmp',
    ];
    const root = folderWith(...[...names, 'e.MOV', 'l.mp4', 'm.dng'].map((name) => `kim/${name}`));
    const listing = await listPictures(root);
    expect(pictures(listing)).toEqual(names.map((name) => [`kim/${name}`, 'kim']));
    expect([listing.ignoredVideos, listing.ignoredFiles]).toEqual([2, 1]);
  });

  it('names every person whose folder yields no picture, with the reason', async () => {
    const root = folderWith(
      'films/a.MOV',
      'films/b.mov',
      'raw/a.dng',
      'raw/notes',
      'secret/.a.jpg',
      'with/1.jpg',
      'old/x/1.jpg',
    );
    mkdirSync(join(root, 'empty'));
    mkdirSync(join(root, 'No Id'));
    writeFileSync(join(root, 'not-a-person.txt'), '');
    const { people } = await listPictures(root);
    const put = 'put a picture of this person into it';
    expect(people.map(({ path, reason }) => [path, reason?.reason, reason?.detail])).toEqual([
      ['No Id', 'bad-id', expect.stringContaining('the name of the folder is not an externalImageId')],
      ['empty', 'no-picture', `the folder is empty; ${put}`],
      ['films', 'no-picture', `the folder holds no picture, but a video (.mov); ${put}`],
      // The folder inside is refused, and says so.
      ['old', undefined, undefined],
      ['raw', 'no-picture', `the folder holds no picture, but a file .dng, a file without an ending; ${put}`],
      ['secret', 'no-picture', `the folder holds no picture, but a hidden file; ${put}`],
      ['with', undefined, undefined],
    ]);
  });

  const isRoot = process.getuid?.() === 0;
  if (isRoot) console.log('skipped: a folder that cannot be read, because root can read every folder');
  it.skipIf(isRoot)('names a person whose folder cannot be read, and goes on with the others', async () => {
    const root = folderWith('alice/1.jpg', 'bob/1.jpg');
    chmodSync(join(root, 'alice'), 0);
    const listing = await listPictures(root);
    chmodSync(join(root, 'alice'), 0o700);
    expect(pictures(listing)).toEqual([['bob/1.jpg', 'bob']]);
    expect(listing.people[0]).toMatchObject({ path: 'alice', reason: { reason: 'unreadable' } });
  });

  it('refuses pictures outside a person folder, and folder names that are no externalImageIds', async () => {
    const root = folderWith('loose.jpg', 'Anna Maria/1.jpg', 'bob/old/1.jpg', 'bob/1.jpg');
    const listing = await listPictures(root);
    expect(pictures(listing)).toEqual([['bob/1.jpg', 'bob']]);
    expect(refused(listing)).toEqual([
      ['Anna Maria/1.jpg', 'bad-id'],
      ['bob/old', 'nested'],
      ['loose.jpg', 'no-person'],
    ]);
  });

  it('follows links inside the folder, and refuses links that lead outside', async () => {
    const outside = folderWith('1.jpg', 'face/2.jpg');
    const root = folderWith('bob/1.jpg', 'alice/own.jpg');
    symlinkSync('../bob/1.jpg', join(root, 'alice/inside.jpg'));
    symlinkSync(join(outside, '1.jpg'), join(root, 'alice/outside.jpg'));
    symlinkSync(join(root, 'alice/nowhere'), join(root, 'alice/dangling.jpg'));
    symlinkSync(join(outside, 'face'), join(root, 'carol'));
    const listing = await listPictures(root);
    expect(pictures(listing)).toEqual([
      ['alice/inside.jpg', 'alice'],
      ['alice/own.jpg', 'alice'],
      ['bob/1.jpg', 'bob'],
    ]);
    expect(refused(listing)).toEqual([
      ['alice/dangling.jpg', 'unreadable'],
      ['alice/outside.jpg', 'outside'],
      ['carol', 'outside'],
    ]);
  });

  it('reads the externalImageIds from a table where one is given', async () => {
    const root = folderWith('Anna Maria/1.jpg', 'bob/1.jpg');
    const map = join(tempDir(), 'map.csv');
    writeFileSync(map, 'folder,externalImageId\nAnna Maria,badge-7\n');
    const listing = await listPictures(root, map);
    expect(pictures(listing)).toEqual([['Anna Maria/1.jpg', 'badge-7']]);
    expect(refused(listing)).toEqual([['bob/1.jpg', 'no-person']]);
    expect(listing.people).toMatchObject([
      { path: 'Anna Maria', externalImageId: 'badge-7' },
      { path: 'bob', reason: { reason: 'no-person' } },
    ]);
    writeFileSync(map, 'Anna Maria,badge-7\nCarol,badge-8\n');
    await expect(listPictures(root, map)).rejects.toThrow('line 2: there is no folder with this name');
  });

  it('that does not exist is refused', async () => {
    await expect(listPictures(join(tempDir(), 'x'))).rejects.toMatchObject({ code: 'INVALID_PARAM' });
  });
});

describe('a table of pictures', () => {
  it('yields them in its order, relative to its folder, and refuses paths outside', async () => {
    const outside = folderWith('1.jpg');
    const root = folderWith('b.jpg', 'sub/a.png', 'c.txt');
    symlinkSync(join(outside, '1.jpg'), join(root, 'link.jpg'));
    const rows = ['sub/a.png,alice', 'b.jpg,bob', 'c.txt,carol', 'd.jpg,dora', `${outside}/1.jpg,eve`, 'link.jpg,eve'];
    put(root, 'people.csv', [...rows, '../x/../y.jpg,eve'].join('\r\n'));
    const listing = await listPictures(join(root, 'people.csv'));
    expect(pictures(listing)).toEqual([
      ['sub/a.png', 'alice'],
      ['b.jpg', 'bob'],
    ]);
    expect(refused(listing)).toEqual([
      ['c.txt', 'unreadable'],
      ['d.jpg', 'unreadable'],
      [`${outside}/1.jpg`, 'outside'],
      ['link.jpg', 'outside'],
      ['../x/../y.jpg', 'unreadable'],
    ]);
    expect(listing.people).toEqual([
      { externalImageId: 'alice', path: 'sub/a.png' },
      { externalImageId: 'bob', path: 'b.jpg' },
      { externalImageId: 'carol', path: 'c.txt' },
      { externalImageId: 'dora', path: 'd.jpg' },
      { externalImageId: 'eve', path: `${outside}/1.jpg` },
    ]);
  });

  it('cannot be combined with --map', async () => {
    const root = folderWith('a.csv');
    await expect(listPictures(join(root, 'a.csv'), join(root, 'a.csv'))).rejects.toThrow(
      '--map can be used with a folder only',
    );
  });
});
