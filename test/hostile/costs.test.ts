// Files whose own fields, lengths or nesting ask for much work or memory: each is refused before that work is done.
import { generateHybridIdentity, generateIdentity, identityToRecipient } from 'age-encryption';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnrolmentJournal } from '../../src/cli/enrol/journal.js';
import { readTable } from '../../src/cli/enrol/csv.js';
import { loadConfig, parseConfig } from '../../src/config/load.js';
import { AppError } from '../../src/errors.js';
import { decodeRecords } from '../../src/gallery/backup-records.js';
import { APP_KEY, decodeRegistry } from '../../src/keys/stored-keys.js';
import { readPairs } from '../../src/models/calibrate/lfw-pairs.js';
import { loadConditionHead } from '../../src/models/condition-head.js';
import { convertEspdl } from '../../src/models/espdl/convert.js';
import { readEspdl } from '../../src/models/espdl/espdl-model.js';
import { loadManifest } from '../../src/models/manifest.js';
import { readModel } from '../../src/models/model-files.js';
import { recall } from '../../src/models/precision-memory.js';
import { readOnnx } from '../../src/models/onnx/onnx-model.js';
import { readRanges } from '../../src/models/quantise/ranges.js';
import { decryptBackup, encryptBackup } from '../../src/store/backup-file.js';
import { tinyEspdl, wrapEspdl, writeEspdl, writeFlatBuffer, type TestModel } from '../models/espdl-file.js';
import { sealOldBackup } from '../store/seal-old-backup.js';
import { collect, cut } from '../store/support.js';
import { tempDir } from '../support/temp-dir.js';

const PASSPHRASE = 'a passphrase for tests';

/** Writes a file. @returns its path */
function put(content: string | Uint8Array, name = 'file'): string {
  const path = join(tempDir(), name);
  writeFileSync(path, content);
  return path;
}

/** Makes a file that is long and takes no space on the disk. @returns its path */
function putLong(bytes: number, name = 'file'): string {
  const path = put('', name);
  truncateSync(path, bytes);
  return path;
}

const openBackup = (bytes: Uint8Array, key: Parameters<typeof decryptBackup>[1]): Promise<unknown> =>
  collect(decryptBackup(cut(Buffer.from(bytes), 1 << 16), key));
const seal = async (lock: Parameters<typeof encryptBackup>[1]): Promise<Buffer> =>
  Buffer.concat(await collect(encryptBackup(cut(Buffer.from('x'), 10), lock)));
/** A record of a backup whose length field asks for this many bytes, which follow as far as `given`. */
const askFor = (kind: string, bytes: number, given = 0): Promise<unknown> => {
  const header = Buffer.alloc(5, kind);
  header.writeUInt32BE(bytes);
  return collect(decodeRecords(cut(Buffer.concat([header, Buffer.alloc(given)]), 1 << 16)));
};
const makeRecipients = async (count: number): Promise<string[]> => {
  const identities = await Promise.all(Array.from({ length: count }, () => generateIdentity()));
  return Promise.all(identities.map(identityToRecipient));
};
const changeTiny = (change: (model: TestModel) => void): Uint8Array => {
  const model = tinyEspdl();
  change(model);
  return writeEspdl(model);
};
const setAttribute = (name: string, value: number | number[]): Uint8Array =>
  changeTiny((model) => {
    const conv = model.nodes.find(({ opType }) => opType === 'Conv')!;
    conv.attributes = { ...conv.attributes, [name]: value };
  });
/** The manifest after a change of one of its models. */
const changeManifest = (task: string, change: (model: Record<string, unknown>) => void): string => {
  const manifest = structuredClone(loadManifest()) as unknown as { models: Record<string, Record<string, unknown>> };
  change(Object.values(manifest.models).find((model) => model.task === task)!);
  return put(JSON.stringify(manifest));
};
/** The fields of a model whose graph, field 7, has this content. */
const wrapGraph = (content: Buffer): Buffer => {
  const size: number[] = [];
  let rest = content.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) size.push((rest % 128) + 128);
  return Buffer.concat([Buffer.from([0x3a, ...size, rest]), content]);
};

type Case = [what: string, code: string, ask: () => Promise<unknown>];
const later =
  (work: () => unknown): (() => Promise<unknown>) =>
  async () =>
    work();

const cases: Case[] = [
  // Backups.
  ...(
    [
      [16, 8, 255],
      [16, 255, 1],
      [30, 8, 1],
    ] as const
  ).map((cost): Case => [
    `an old backup that asks scrypt for ${cost.join(', ')}`,
    'STORE_CORRUPT',
    () => openBackup(sealOldBackup(Buffer.from('x'), PASSPHRASE, [...cost]), { passphrase: PASSPHRASE }),
  ]),
  [
    'an age file with 40 recipients and another private key',
    'STORE_CORRUPT',
    async () => {
      const [one, two] = [
        await seal({ recipients: await makeRecipients(20) }),
        await seal({ recipients: await makeRecipients(20) }),
      ];
      const stanzas = two.toString('latin1').split('\n---')[0]!.slice('age-encryption.org/v1'.length);
      const both = Buffer.from(one.toString('latin1').replace('\n---', `${stanzas}\n---`), 'latin1');
      return openBackup(both, { identities: [await generateIdentity()] });
    },
  ],
  [
    'a private key file with 11 keys, each of which is slow to try',
    'SECRET_INVALID',
    async () =>
      openBackup(await seal({ recipients: await makeRecipients(1) }), {
        identities: await Promise.all(Array.from({ length: 11 }, () => generateHybridIdentity())),
      }),
  ],
  ['a backup to 21 recipients', 'CONFIG_INVALID', async () => seal({ recipients: await makeRecipients(21) })],
  [
    'a header of age without an end',
    'STORE_CORRUPT',
    () => openBackup(Buffer.from(`age-encryption.org/v1\n${'-> x\n'.repeat(50_000)}`), { passphrase: PASSPHRASE }),
  ],
  ...(['b', 'g', 'f', 'k', 'e', 'x'] as const).flatMap((kind): Case[] => [
    [`a record "${kind}" of 4 GB`, 'STORE_CORRUPT', () => askFor(kind, 0xffff_ffff)],
    [`a record "${kind}" of 5 MiB that is there`, 'STORE_CORRUPT', () => askFor(kind, 5 << 20, 5 << 20)],
  ]),
  // Registries of keys.
  [
    'a registry of keys that is nested 4,000,000 times',
    'SECRET_INVALID',
    later(() => decodeRegistry(Buffer.alloc(4_000_000, '['), APP_KEY, 'it')),
  ],
  [
    'a registry of keys of 5 MB',
    'SECRET_INVALID',
    later(() => decodeRegistry(Buffer.alloc(5_000_000, ' '), APP_KEY, 'it')),
  ],
  // Models.
  [
    'an ESP-DL file whose padding is 2^31',
    'MODEL_INVALID',
    later(() => convertEspdl(setAttribute('pads', [2 ** 31, 0, 0, 0]))),
  ],
  [
    'an ESP-DL file whose stride is 2^31',
    'MODEL_INVALID',
    later(() => convertEspdl(setAttribute('strides', [1, 2 ** 31]))),
  ],
  [
    'an ESP-DL file with 5 dilations',
    'MODEL_INVALID',
    later(() => convertEspdl(setAttribute('dilations', [1, 1, 1, 1, 1]))),
  ],
  [
    'an ESP-DL file with weights of 2^40 values',
    'MODEL_INVALID',
    later(() =>
      convertEspdl(
        changeTiny(({ tensors }) => tensors.forEach((tensor) => (tensor.dims = tensor.dims.map(() => 2 ** 10)))),
      ),
    ),
  ],
  [
    'an ESP-DL file whose 20,000 nodes share one list of names',
    'MODEL_INVALID',
    later(() => {
      const names = { 0: { texts: Array.from({ length: 20_000 }, () => 'n') }, 3: { text: 'Add' } };
      return readEspdl(
        wrapEspdl(writeFlatBuffer({ 7: { table: { 0: { tables: Array.from({ length: 20_000 }, () => names) } } } })),
      );
    }),
  ],
  [
    'an ONNX file with 5,000,000 empty tensors',
    'MODEL_INVALID',
    later(() => readOnnx(wrapGraph(Buffer.from('2a00'.repeat(5_000_000), 'hex')))),
  ],
  [
    'an ONNX file with 5,000,000 unknown fields',
    'MODEL_INVALID',
    later(() => readOnnx(wrapGraph(Buffer.from('7a00'.repeat(5_000_000), 'hex')))),
  ],
  [
    'an ONNX file with a field of 2^60 bytes',
    'MODEL_INVALID',
    later(() => readOnnx(Buffer.from([0x3a, ...Array<number>(8).fill(0xff), 0x0f]))),
  ],
  [
    'a model file of 100 GB',
    'MODEL_MISSING',
    async () => {
      const { standard } = loadManifest().sets;
      const model = loadManifest().models[standard!.detector]!;
      return readModel([join(putLong(100e9, model.file), '..')], model);
    },
  ],
  ['a manifest of 1 TB', 'MODEL_INVALID', later(() => loadManifest(putLong(1e12)))],
  [
    'a manifest with a model of 2 GB',
    'MODEL_INVALID',
    later(() => loadManifest(changeManifest('embedder', (model) => (model.bytes = 2e9)))),
  ],
  [
    'a manifest with 17 strides',
    'MODEL_INVALID',
    later(() => loadManifest(changeManifest('detector', (model) => (model.strides = Array<number>(17).fill(8))))),
  ],
  [
    'a manifest with an input of 100,000 pixels',
    'MODEL_INVALID',
    later(() =>
      loadManifest(
        changeManifest('embedder', (model) => (model.input = { ...(model.input as object), widthPx: 100_000 })),
      ),
    ),
  ],
  [
    'a manifest with 1,001 points of a calibration',
    'MODEL_INVALID',
    later(() =>
      loadManifest(
        changeManifest('embedder', (model) => {
          const { points, ...rest } = model.calibration as { points: object[] };
          model.calibration = { ...rest, points: Array<object | undefined>(1_001).fill(points[0]) };
        }),
      ),
    ),
  ],
  ['recorded ranges of 1 TB', 'MODEL_INVALID', later(() => readRanges(putLong(1e12)))],
  [
    'a condition head of 1 TB',
    'MODEL_INVALID',
    later(() => {
      const folder = tempDir();
      mkdirSync(join(folder, 'heads'));
      writeFileSync(join(folder, 'heads/long.json'), '');
      truncateSync(join(folder, 'heads/long.json'), 1e12);
      return loadConditionHead(
        { file: 'f', conditionHead: 'heads/long.json', output: { name: 'o', dimensions: 128 } },
        folder,
      );
    }),
  ],
  ['pairs of LFW of 1 TB', 'INVALID_PARAM', later(() => readPairs(putLong(1e12)))],
  [
    'pairs of LFW that announce 10^15 lines',
    'INVALID_PARAM',
    later(() => readPairs(put('1000000000\t1000000\na\t1\t2\n'))),
  ],
  // Tables and journals of an enrolment.
  ['a table of people of 1 TB', 'INVALID_PARAM', () => readTable(putLong(1e12), ['path'])],
  [
    'a table of people with a row of 20,000,000 fields',
    'INVALID_PARAM',
    () => readTable(put(','.repeat(20_000_000)), ['path']),
  ],
  [
    'a table of people with a quote that is never closed',
    'INVALID_PARAM',
    () => readTable(put(`"${'a'.repeat(20_000_000)}`), ['path']),
  ],
  ['a table of people with 1,000,001 rows', 'INVALID_PARAM', () => readTable(put('a,b\n'.repeat(1_000_001)), ['path'])],
  ['a journal of 1 TB', 'INVALID_PARAM', () => EnrolmentJournal.open(putLong(1e12))],
  // The configuration.
  ['a configuration of 1 TB', 'CONFIG_INVALID', () => loadConfig({ file: putLong(1e12), cwd: '/', environment: {} })],
  [
    'a configuration with 30,000 unknown keys',
    'CONFIG_INVALID',
    later(() => parseConfig(Array.from({ length: 30_000 }, (_, i) => `${i.toString(36)}: 1`).join('\n'), '/x')),
  ],
  [
    'a configuration with one key 30,000 times',
    'CONFIG_INVALID',
    later(() => parseConfig('a: 1\n'.repeat(30_000), '/x')),
  ],
  [
    'a configuration that is nested 200,000 times',
    'CONFIG_INVALID',
    later(() => parseConfig('['.repeat(200_000), '/x')),
  ],
  [
    'a configuration whose aliases expand to 10^9 values',
    'CONFIG_INVALID',
    later(() =>
      parseConfig(
        [
          'a: &a [1,1,1,1,1,1,1,1,1,1]',
          ...'bcdefghij'
            .split('')
            .map((name, i) => `${name}: &${name} [${Array<string>(10).fill(`*${'abcdefghi'[i]}`).join()}]`),
        ].join('\n'),
        '/x',
      ),
    ),
  ],
];

/** Processor time that refusing a file may take: above what it takes (at most 3.3 s, November 2026), far below what the file asks for. */
const MOST_SECONDS = 8;
/** Growth of the resident memory: a million rows take 575 MB. */
const MOST_BYTES = 800e6;

describe('a file cannot ask for much work or memory:', () => {
  it.each(cases)('%s', async (_, code, ask) => {
    const rssBefore = process.memoryUsage().rss;
    const before = process.cpuUsage();
    const outcome = await ask().then(
      () => 'accepted',
      (error: unknown) => (error instanceof AppError ? error.code : error),
    );
    const { user, system } = process.cpuUsage(before);
    expect(outcome).toBe(code);
    expect((user + system) / 1e6).toBeLessThan(MOST_SECONDS);
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(MOST_BYTES);
  });

  it('a file of measured speeds of 1 TB counts as none', async () => {
    expect(await recall(putLong(1e12), 'any')).toBeUndefined();
  });
});
