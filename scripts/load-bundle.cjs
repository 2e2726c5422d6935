// Loads a bundle of scripts/build-service.mjs with the code that V8 compiled when the bundle was built; it is copied to dist/parts.
// Run as a program, with the name of a bundle, it writes that code beside the bundle.
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { Script, constants } = require('node:vm');

/** V8 refuses code of another version of itself; another processor has files of its own. */
const locateCode = (name) => join(__dirname, `${name}-${process.arch}-${process.versions.v8}.code`);

/** Returns the exports of a bundle, and its script. */
function loadBundle(name) {
  const filename = join(__dirname, `${name}.cjs`);
  // The bundles are ASCII.
  const source = readFileSync(filename, 'latin1');
  let cachedData;
  try {
    cachedData = readFileSync(locateCode(name));
  } catch {
    // Then V8 compiles the bundle now.
  }
  const script = new Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename,
    cachedData,
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, __dirname);
  return { exports: module.exports, script };
}

async function writeCode(name) {
  const { exports, script } = loadBundle(name);
  await exports.warm();
  writeFileSync(locateCode(name), script.createCachedData());
}

exports.loadBundle = loadBundle;
if (require.main === module) {
  void writeCode(process.argv[2]).then(
    () => process.exit(),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}
