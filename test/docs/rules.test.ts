// Each rule of the documentation finds a wrong sample, and lets a right one pass.
import { describe, expect, it } from 'vitest';
import { checkCommands } from './command-rules.js';
import { listSourceWords } from './facts.js';
import {
  checkConfigKeys,
  checkEnvironment,
  checkIdentifiers,
  checkKeyTables,
  checkMetrics,
  checkPaths,
  checkTopics,
  checkYaml,
  RouteBook,
} from './name-rules.js';
import { checkJson, checkLengths, checkLinks } from './page-rules.js';
import { parsePage, type Page } from './pages.js';

const routes = new RouteBook();
const words = listSourceWords();

function page(text: string, path = 'docs/sample.md'): Page {
  return parsePage(path, text);
}

function shell(command: string): string[] {
  return checkCommands(page(`\`\`\`sh\n${command}\n\`\`\`\n`), routes);
}

describe('commands in shell blocks', () => {
  it.each([
    ['./scripts/strat --demo', 'there is no script scripts/strat'],
    ['./scripts/start --demoo', 'scripts/start has no option --demoo'],
    ['sudo ./scripts/install --ready-time 900', 'scripts/install has no option --ready-time'],
    ['./scripts/lintel keyz list', "unknown command 'keyz'"],
    ['lintel keys add', "missing required argument 'name'"],
    ['sudo lintel doctor --fast', "unknown option '--fast'"],
    ['lintel events command stop entrance', "'stop' is invalid"],
    ['npm run conform', 'package.json has no script conform'],
    ['npm run conformance -- --spwan', 'has no option --spwan'],
    ['npm run bench -- slices', 'npm run bench knows no slices'],
    ['npx vitest run test/none', 'there is no test/none'],
    ['npx tsx test/none.ts', 'there is no test/none.ts'],
    ['python3 tools/train/none.py', 'there is no tools/train/none.py'],
    ['./scripts/test test/none', 'there is no test/none'],
    ['lintell doctor', 'no program lintell is known'],
    ['LINTEL_MODEL_DIR=models ./scripts/start', 'nothing reads the variable LINTEL_MODEL_DIR'],
    ['printf x | lintell doctor', 'no program lintell is known'],
    ['cat $(lintell doctor)', 'no program lintell is known'],
    ['curl -s http://127.0.0.1:8080/device/v1/camera', 'the service has no route GET /device/v1/camera'],
    ['curl -s http://127.0.0.1:8080/device/v1/cameras -d @-', 'no route POST /device/v1/cameras'],
    ['curl -s -X PUT http://127.0.0.1:8080/device/v1/privacies', 'no route PUT /device/v1/privacies'],
    ['curl -s "http://127.0.0.1:8080/device/v1/events?kind=match"', 'has no parameter kind'],
    ['curl -s http://door.example/healthz', 'which is not the service'],
    ["mosquitto_sub -t 'lintel/+/+/+/+/+'", 'Lintel has no topic lintel/+/+/+/+/+'],
  ])('%s', (command, problem) => {
    expect(shell(command)).toEqual([expect.stringContaining(problem)]);
  });

  it.each([
    ['./scripts/start --demo'],
    ['sudo lintel keys add reception --admin'],
    ['npm run conformance -- --spawn'],
    ["mosquitto_sub -h 127.0.0.1 -t 'lintel/#' -v"],
    ['BASE=http://127.0.0.1:8080/v2.0/appkeys/$(cat var/keys/app-key)\ncurl -s "$BASE/groups?limit=5"'],
    [
      'printf \'{"a":"%s"}\' "$(base64 -w0 a.jpg)" |\n  curl -s http://127.0.0.1:8080/nhn-face-reco/v1.0/appkeys/k/compare -d @-',
    ],
  ])('%s passes', (command) => {
    expect(shell(command)).toEqual([]);
  });

  it('name the line of the page', () => {
    expect(checkCommands(page('# Page\n\n```sh\nlintel doctor\nlintel doc\n```\n'), routes)).toEqual([
      expect.stringMatching(/^docs\/sample\.md:5: /),
    ]);
  });
});

describe('inline code', () => {
  it.each<[string, (page: Page) => string[], string]>([
    ['`lintel keys remove NAME`', (one) => checkCommands(one, routes), "unknown command 'remove'"],
    ['`scripts/begin --demo`', (one) => checkCommands(one, routes), 'there is no script scripts/begin'],
    ['`npm run nothing`', (one) => checkCommands(one, routes), 'package.json has no script nothing'],
    ['`--expect-hash HASH`', (one) => checkCommands(one, routes), 'nothing takes the option --expect-hash'],
    ['`src/recognition/none.ts`', (one) => checkPaths(one, words), 'there is no src/recognition/none.ts'],
    ['`var/keys/app.kay`', (one) => checkPaths(one, words), 'nothing makes the file var/keys/app.kay'],
    ['`models.sets`', checkConfigKeys, 'the configuration has no key models.sets'],
    ['| key |\n| --- |\n| `maxFpz` |', checkKeyTables, 'the configuration has no key maxFpz'],
    ['`lintel/{deviceId}/histroy`', checkTopics, 'Lintel has no topic lintel/{deviceId}/histroy'],
    ['`lintel/front/entrance/mach`', checkTopics, 'Lintel has no topic lintel/front/entrance/mach'],
    ['`lintel/{deviceId}/{type}`', checkTopics, 'Lintel has no topic lintel/{deviceId}/{type}'],
    ['LINTEL_MODEL', checkEnvironment, 'nothing reads the variable LINTEL_MODEL'],
    ['`eventTtlSeconds`', (one) => checkIdentifiers(one, words), 'the sources have no name eventTtlSeconds'],
    ['`lintel_tracks`', (one) => checkMetrics(one, ['lintel_tracks_total'], false), 'there is no metric lintel_tracks'],
    ['`GET /device/v1/doors`', (one) => routes.check(one, false), 'names the route GET /device/v1/doors'],
  ])('%s', (text, check, problem) => {
    expect(check(page(`# Page\n\n${text}\n`))).toEqual([expect.stringContaining(problem)]);
  });

  it('passes where everything exists', () => {
    const text =
      '`lintel keys add` `scripts/start --demo` `--expect-head HASH` `src/main.ts` `var/keys/app-key` `models.set` ' +
      '`lintel/{deviceId}/{cameraId}/{type}` `lintel/#` `eventTtlMs` `GET /device/v1/cameras` `models.ts`\n';
    const one = page(text);
    const problems = [
      ...[checkCommands(one, routes), checkPaths(one, words), checkConfigKeys(one), checkTopics(one)],
      ...[checkIdentifiers(one, words), routes.check(one, false)],
    ];
    expect(problems.flat()).toEqual([]);
  });
});

describe('completeness', () => {
  it('a missing metric is found', () => {
    expect(checkMetrics(page('`lintel_a`'), ['lintel_a', 'lintel_b'], true)).toEqual([
      'docs/sample.md: the metric lintel_b is missing',
    ]);
  });

  it('missing routes are found, and a route counts in its own section only', () => {
    const problems = routes.check(
      page('# API\n\n## NHN v1.0\n\n`POST /detect`\n\n## NHN v2.0\n\n`POST /detect`\n'),
      true,
    );
    expect(problems).toContain('docs/sample.md:9: NHN v2.0 names the route POST /detect, which does not exist');
    expect(problems).toContain('docs/sample.md: v2.0 lacks POST /faces/detect');
    expect(problems).not.toContain('docs/sample.md: v1.0 lacks POST /detect');
  });
});

describe('YAML blocks', () => {
  it.each([
    ['mqtt: { uri: mqtt://broker }', 'Unrecognized key: "uri"'],
    ['cameras:\n  - { id: a, source: { type: device, path: /dev/video0 } }', 'must have either group or groups'],
    ['source: { type: usb, path: /dev/video0 }', 'must be one of device, gstreamer, url, snapshot, file'],
    ['rotate: 45\nsource: { type: device, path: /dev/video0 }', 'cameras.0.rotate'],
    ['camera: {}', 'Unrecognized key: "camera"'],
  ])('%s', (yaml, problem) => {
    expect(checkYaml(page(`\`\`\`yaml\n${yaml}\n\`\`\`\n`)).join()).toContain(problem);
  });

  it.each([['deviceId: door'], ['source: { type: device, path: /dev/video0 }']])('%s passes', (yaml) => {
    expect(checkYaml(page(`\`\`\`yaml\n${yaml}\n\`\`\`\n`))).toEqual([]);
  });
});

describe('pages', () => {
  it.each<[string, (page: Page) => string[], string]>([
    ['x'.repeat(121), checkLengths, 'docs/sample.md:1: the line has 121 characters'],
    ['[text](none.md)', checkLinks, 'the link none.md leads nowhere'],
    ['![picture](pictures/none.png)', checkLinks, 'the link pictures/none.png leads nowhere'],
    ['[text](#none)', checkLinks, 'has no heading #none'],
    ['[text](../README.md#none)', checkLinks, 'README.md has no heading #none'],
    ['```json\n{ a: 1 }\n```', checkJson, 'docs/sample.md:2: the block is no JSON'],
  ])('%s', (text, check, problem) => {
    expect(check(page(text))).toEqual([expect.stringContaining(problem)]);
  });

  it('a README of more than 130 lines is found', () => {
    expect(checkLengths(page('\n'.repeat(131), 'README.md'))).toEqual(['README.md: the page has 131 lines']);
    expect(checkLengths(page('x\n'.repeat(130), 'README.md'))).toEqual([]);
  });

  it('links to headings and other sites pass, and links in code are none', () => {
    const text =
      '## Try it: now\n\n[a](#try-it-now) [b](https://example.org) [c](../README.md#try-it) `[d](none.md)`\n';
    expect(checkLinks(page(text))).toEqual([]);
  });
});
