/**
 * Runs every compiled `*.test.js` below this folder in one process:
 * `node dist/test/run.js [part of a path …]`. Exits 1 if a test fails, if none ran, and if all ran
 * and none went beyond a limit that the sources have.
 */
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from 'uvu/run';
import { counts } from './counts.js';
import { limitsNotTripped } from './tripped-limits.js';

// Tests say themselves which surroundings they mean: ink draws another way where it sees a CI, once it is imported.
for (const name of Object.keys(process.env)) {
  if (name === 'CI' || name === 'CONTINUOUS_INTEGRATION' || name.startsWith('CI_')) delete process.env[name];
}

const root = fileURLToPath(new URL('.', import.meta.url));
const filters = process.argv.slice(2);
const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && entry.name.endsWith('.test.js'))
  .map(entry => relative(root, join(entry.parentPath, entry.name)))
  .filter(name =>
    filters.length === 0 ? !name.startsWith('interop') : filters.some(part => name.includes(part)),
  )
  .sort();

await run(
  files.map(name => ({ name, file: join(root, name) })),
  { bail: false },
);

const notTripped = filters.length === 0 ? limitsNotTripped() : [];
for (const limit of notTripped) process.stdout.write(`no test goes beyond this limit: ${limit}\n`);

process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`, () => {
  // Not left to the event loop: a handle that a test forgot to close would keep the run alive for ever.
  process.exit(
    counts.passed === 0 || counts.failed > 0 || notTripped.length > 0 ? 1 : Number(process.exitCode ?? 0),
  );
});
