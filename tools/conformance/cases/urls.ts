// Cases of image.url: the URLs that are refused and, if the target may fetch from the suite's own server, those that are fetched.
import { must, same, type Case } from '../suite.js';
import { toImageBytes, type Spawned, type World } from '../world.js';

const detect = (url: string) => ({ method: 'POST', path: '/detect', body: { image: { url } } });

const REFUSED: readonly string[] = [
  '',
  'face.jpg',
  'http://',
  'http://exa mple.com/face.jpg',
  'ftp://example.com/face.jpg',
  'file:///etc/passwd',
  'data:image/png;base64,AAAA',
  'javascript:alert(1)',
  'http://user@example.com/face.jpg',
  'http://user:secret@example.com/face.jpg',
  'http://example.com:22/face.jpg',
  'http://example.com:8080/face.jpg',
  'http://example.com:9999/face.jpg',
  'http://example.com:12001/face.jpg',
  'http://127.0.0.1/face.jpg',
  'http://127.0.0.1:10000/face.jpg',
  'http://localhost/face.jpg',
  'http://0.0.0.0/face.jpg',
  'http://2130706433/face.jpg',
  'http://0177.0.0.1/face.jpg',
  'http://0x7f.1/face.jpg',
  'http://[::1]/face.jpg',
  'http://[::]/face.jpg',
  'http://[::ffff:127.0.0.1]/face.jpg',
  'http://[fe80::1]/face.jpg',
  'http://[fd00::1]/face.jpg',
  'http://169.254.169.254/latest/meta-data/',
  'http://224.0.0.1/face.jpg',
  'http://255.255.255.255/face.jpg',
  'http://no-such-name.invalid/face.jpg',
];

const served = (name: string, path: string | ((world: World) => string), code: number): Case => ({
  name: `url: ${name}`,
  needs: 'spawn',
  code,
  ask: (world) => detect(world.spawned.server.url(typeof path === 'string' ? path : path(world))),
  check: code === 0 ? (data) => same(data.faceDetailCount, 1, 'faceDetailCount') : undefined,
});

/** Makes a case of a url that leads to a picture, but must be refused. */
const refusedThere = (name: string, makeUrl: (spawned: Spawned) => string): Case => ({
  name: `url: ${name}`,
  needs: 'spawn',
  code: -45050,
  ask: (world) => detect(makeUrl(world.spawned)),
});

const redirectTo = (url: string): string => `/redirect-to/${encodeURIComponent(url)}`;

export const urlCases: Case[] = [
  ...REFUSED.map((url): Case => ({ name: `url "${url}" is refused`, ask: detect(url), code: -45050 })),
  served('a picture', '/face.jpg', 0),
  served('a picture behind three redirects', '/redirect/3', 0),
  served('a redirect whose Location is raw UTF-8', '/redirect-raw', 0),
  served('a fourth redirect', '/redirect/4', -45050),
  served('a redirect to a loopback address', redirectTo('http://127.0.0.1/face.jpg'), -45050),
  served('a redirect to a port that is not allowed', redirectTo('http://127.0.0.9:8080/face.jpg'), -45050),
  served('a redirect to a file', redirectTo('file:///etc/passwd'), -45050),
  served(
    'a redirect with credentials',
    (world) => redirectTo(world.spawned.server.url('/face.jpg').replace('//', '//user:secret@')),
    -45050,
  ),
  ...['127.0.0.1', 'localhost', '2130706433', '0177.0.0.1', '0x7f.1', '[::ffff:127.0.0.1]', '127.1'].flatMap((host) => [
    refusedThere(`a picture at ${host}, which is not allowed`, ({ server }) => server.url('/face.jpg', host)),
    refusedThere(`a redirect to a picture at ${host}`, ({ server }) =>
      server.url(redirectTo(server.url('/face.jpg', host))),
    ),
  ]),
  refusedThere('a picture on a port that is not allowed', ({ server }) => server.urlBeyond('/face.jpg')),
  refusedThere('a redirect to a picture on a port that is not allowed', ({ server }) =>
    server.url(redirectTo(server.urlBeyond('/face.jpg'))),
  ),
  refusedThere('a picture behind credentials', ({ server }) => server.url('/face.jpg').replace('//', '//user:secret@')),
  ...[204, 206, 304, 401, 403, 404, 500].map((status) => served(`status ${status}`, `/status/${status}`, -45050)),
  served('an empty file', '/empty', -45040),
  served('an HTML page', '/html', -45040),
  served('half a picture', '/cut', -45080),
  served('a picture that is shorter than its content-length', '/shorter-than-told', -45050),
  served('a compressed answer', '/gzip', -45050),
  served('a file too large by its content-length', '/huge', -45020),
  served('a file too large, without a content-length', '/huge-chunked', -45020),
  served('a server that sends a byte at a time', '/drip', -45060),
  served('a server that never answers', '/silence', -45060),
  {
    name: 'compare: a target that never arrives is a time-out of the target',
    needs: 'spawn',
    code: -45060,
    side: ':Target',
    ask: (world) => ({
      method: 'POST',
      path: '/compare',
      body: {
        sourceImage: toImageBytes(world.pictures.ann),
        targetImage: { url: world.spawned.server.url('/silence') },
      },
    }),
  },
  {
    name: 'a face is registered and found again by url',
    needs: 'spawn',
    run: async (world) => {
      const groupId = await world.newGroup();
      const image = { url: world.spawned.server.url('/face.jpg') };
      const { addedFaces } = await world.succeed({ method: 'POST', path: `/groups/${groupId}`, body: { image } });
      const found = await world.succeed({ method: 'POST', path: `/groups/${groupId}/search`, body: { image } });
      same(found.matchFaces[0]?.face.faceId, addedFaces[0]!.faceId, 'the match');
      const verify = { method: 'POST', path: `/verify/groups/${groupId}/faces/${addedFaces[0]!.faceId}` };
      const verified = await world.succeed({ ...verify, body: { compareImage: image } });
      must(verified.similarity > 99, 'a similarity above 99');
    },
  },
];
