/** What the program loads before it knows what it is to do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../documents.js';
import { ok, suite } from '../suite.js';

const BUNDLE = join(repository, 'dist/cli');

/** A file of the bundle, and all that it imports when it is loaded. */
function loadedWith(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  const text = readFileSync(join(BUNDLE, name), 'utf8');
  for (const [, imported] of text.matchAll(/^(?:import|export)\b[^;]*?["']\.\/([\w-]+\.js)["']/gm)) {
    loadedWith(imported!, seen);
  }
  return seen;
}

suite('start-up', ({ test }) => {
  test('neither React nor ink is loaded before the explorer or a progress line needs it', () => {
    const files = [...loadedWith('main.js')];
    ok(files.length > 2, files.join());
    const heavy = files.filter(name =>
      /react-reconciler|yoga/i.test(readFileSync(join(BUNDLE, name), 'utf8')),
    );
    ok(heavy.length === 0, heavy.join());
  });
});
