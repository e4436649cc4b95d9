const { readFileSync } = require('node:fs');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const { crc32 } = require('node:zlib');

/** What V8 has compiled of a script is beside it, behind a line that tells what it is of. */
const CACHE_SUFFIX = '.cache';
/** A script begins with a comment of so many characters, which stands for all of it. */
const ID_LENGTH = 16;

/**
 * Runs a CommonJS script of ASCII characters, as `require` does, with what V8 has compiled of it before: most of the
 * time in which a small command ends would go into compiling. The cache is made by the build, and taken for the same
 * script, release of Node.js and kind of machine only: V8 itself would take that of another script of the same length,
 * and crash of a damaged one. Without it the script is compiled.
 *
 * @returns what the script exports; and a function that makes the cache, of all that has been compiled until then.
 */
function loadScript(path) {
  const source = readFileSync(path, 'latin1');
  const id = source.slice(2, 2 + ID_LENGTH);
  const script = new Script(
    `(function(exports,require,module,__filename,__dirname,importThere){${source}\n})`,
    { filename: path, cachedData: readCache(path + CACHE_SUFFIX, id) },
  );
  const scriptModule = { exports: {} };
  // Of the class of modules, because to load `node:module` takes four milliseconds.
  const requireThere = module.constructor.createRequire(path);
  // V8 has no `import` in a script that comes from a cache. Names of packages are found from here as well.
  const importThere = name =>
    import(name.startsWith('.') ? new URL(name, require('node:url').pathToFileURL(path)) : name);
  const parameters = [scriptModule.exports, requireThere, scriptModule, path, dirname(path), importThere];
  script.runInThisContext()(...parameters);
  return {
    exports: scriptModule.exports,
    usesCache: script.cachedDataRejected === false,
    makeCache: () => {
      const data = script.createCachedData();
      return Buffer.concat([Buffer.from(headerOf(id, data), 'latin1'), data]);
    },
  };
}

function headerOf(id, data) {
  const { version, platform, arch } = process;
  return `${id} ${version} ${platform} ${arch} ${crc32(data)}\n`;
}

function readCache(path, id) {
  let cache;
  try {
    cache = readFileSync(path);
  } catch {
    return undefined;
  }
  const data = cache.subarray(cache.indexOf('\n') + 1);
  const header = cache.latin1Slice(0, cache.length - data.length);
  return header === headerOf(id, data) ? data : undefined;
}

module.exports = { CACHE_SUFFIX, ID_LENGTH, loadScript };
