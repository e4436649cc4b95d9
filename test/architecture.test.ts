import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { equal, ok, suite } from './suite.js';

/**
 * The arrows of docs/architecture.md, as data: which folders a folder may import from, besides itself and the
 * leaves that anyone may import.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  cli: ['tui', 'ops', 'index'],
  tui: ['ops', 'index', 'checkpoint'],
  page: ['tui', 'ops'],
  index: ['ops', 'device', 'checkpoint', 'copy', 'pickle'],
  ops: ['device', 'npy', 'dcp', 'torch', 'safetensors', 'mapping', 'checkpoint', 'copy', 'pickle', 'io'],
  device: ['checkpoint', 'copy', 'io'],
  npy: ['copy', 'zip'],
  dcp: ['torch', 'safetensors', 'checkpoint', 'copy', 'pickle', 'zip', 'zstd', 'io'],
  torch: ['checkpoint', 'copy', 'pickle', 'zip', 'io'],
  safetensors: ['checkpoint', 'copy', 'pickle', 'io'],
  mapping: ['checkpoint', 'pickle'],
  checkpoint: ['copy', 'pickle', 'io'],
  zip: ['copy', 'io'],
  zstd: ['io'],
  copy: ['io'],
  pickle: [],
  io: [],
};
const LEAVES = new Set(['errors', 'dtype', 'numbers', 'bytes']);
/** No I/O, no Node: they run anywhere. */
const PURE = ['pickle', 'checkpoint', 'mapping'];
/** The only file that touches the file system: tests make each of its calls fail. */
const FILE_SYSTEM = join('io', 'file-calls.ts');
const MAX_LINES = 450;

const root = fileURLToPath(new URL('../../src', import.meta.url));
const files = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile() && /\.tsx?$/.test(entry.name))
  .map(entry => relative(root, join(entry.parentPath, entry.name)));

const layerOf = (file: string): string => file.split('/')[0]!.replace(/\.tsx?$/, '');
const sourceOf = (file: string): string => readFileSync(join(root, file), 'utf8');

function importsOf(file: string): string[] {
  const pattern =
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*'([^']+)'|import\(\s*'([^']+)'\s*\)|(?:^|\n)import\s+'([^']+)'/g;
  return [...sourceOf(file).matchAll(pattern)].map(match => (match[1] ?? match[2] ?? match[3])!);
}

suite('architecture', ({ test }) => {
  test('there are sources to look at, and every folder has its row', () => {
    ok(files.length > 50, `${files.length} files`);
    const unknown = files.map(layerOf).filter(layer => !(layer in MAY_IMPORT) && !LEAVES.has(layer));
    equal([...new Set(unknown)], []);
  });

  test('arrows point down only', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const layer = layerOf(file);
      for (const specifier of importsOf(file)) {
        if (!specifier.startsWith('.')) continue;
        const target = layerOf(relative(root, join(root, dirname(file), specifier)).replace(/\.js$/, '.ts'));
        if (target === layer || LEAVES.has(target)) continue;
        if (!(MAY_IMPORT[layer] ?? []).includes(target)) wrong.push(`${file} imports ${specifier}`);
      }
    }
    equal(wrong, []);
  });

  test('pure folders import nothing of Node; one file touches the file system', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const layer = layerOf(file);
      for (const specifier of importsOf(file)) {
        if (PURE.includes(layer) && specifier.startsWith('node:')) wrong.push(`${file} imports ${specifier}`);
        const isTypeOnly = new RegExp(`import type [^;]*from '${specifier}'`).test(sourceOf(file));
        if (PURE.includes(layer) && /\/io\//.test(specifier) && !isTypeOnly)
          wrong.push(`${file} imports ${specifier}`);
        if (/^node:fs/.test(specifier) && file !== FILE_SYSTEM) wrong.push(`${file} imports ${specifier}`);
      }
    }
    equal(wrong, []);
  });

  test('only cli prints, and only bin sets an exit code', () => {
    const wrong = files.filter(
      file =>
        !['cli', 'tui'].includes(layerOf(file)) &&
        /console\.|process\.(stdout|stderr|exit)/.test(sourceOf(file)),
    );
    equal(wrong, []);
  });

  test(`no file has more than ${MAX_LINES} lines, none is called utils`, () => {
    const long = files.filter(file => sourceOf(file).split('\n').length > MAX_LINES);
    equal(long, []);
    equal(
      files.filter(file => /(^|\/)(utils?|helpers?|common|misc|types)\.tsx?$/.test(file)),
      [],
    );
  });
});
