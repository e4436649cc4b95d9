#!/usr/bin/env node
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isTooOld = major < 20 || (major === 20 && minor < 19);

/** The imports of an old Node would fail with words that say nothing. */
function refuse() {
  process.stderr.write(`dcp: Node.js 20.19 or newer is needed, this is ${process.versions.node}\n`);
  return 2;
}

// The one exit point.
process.exit(
  isTooOld ? refuse() : await (await import('../dist/src/cli/main.js')).main(process.argv.slice(2)),
);
