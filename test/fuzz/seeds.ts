/** What is mutated: real files, by the part of them that a format's mutants change. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../documents.js';
import { fixtureCases, fixturePath } from '../fixtures.js';
import { corpus, fromBase64 } from '../pickle/corpus.js';

export type FuzzFormat = 'pickle' | 'torch' | 'legacy' | 'metadata' | 'items' | 'safetensors' | 'key_map';
export const FUZZ_FORMATS: readonly FuzzFormat[] = [
  'pickle',
  'torch',
  'legacy',
  'metadata',
  'items',
  'safetensors',
  'key_map',
];

export interface FuzzSeed {
  name: string;
  /** A file, or a directory of which files that match `target` are changed; absent where `bytes` are. */
  path?: string;
  target?: RegExp;
  bytes?: Uint8Array;
  /** Of a map: what it is applied to. */
  source?: string;
}

const MAX_BYTE_LENGTH = 64 << 10;

function byteLengthOf(path: string): number {
  const status = statSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + byteLengthOf(join(path, name)), 0);
}

const cases = fixtureCases
  .map(({ name, torch, kind }) => ({ name: `${name} of ${torch}`, kind, path: fixturePath(name, torch) }))
  .filter(({ path }) => byteLengthOf(path) <= MAX_BYTE_LENGTH);

const directories = cases.filter(({ kind }) => kind === 'dcp');
const isLegacy = (name: string): boolean => /legacy/.test(name) && !/gzipped/.test(name);
const files = cases.filter(({ kind }) => kind === 'torch');

/** The smallest seeds first: most mutants are of those, which are fast. */
export function seedsOf(format: FuzzFormat): FuzzSeed[] {
  switch (format) {
    case 'pickle':
      return [
        ...corpus.corpus.flatMap(({ name, pickles }) =>
          Object.entries(pickles).map(([protocol, pickle]) => ({
            name: `${name}, protocol ${protocol}`,
            bytes: fromBase64(pickle),
          })),
        ),
        ...Object.entries(corpus.torch).map(([name, pickle]) => ({ name, bytes: fromBase64(pickle) })),
      ].filter(({ bytes }) => bytes.length <= MAX_BYTE_LENGTH);
    case 'torch':
      return files.filter(({ name }) => !isLegacy(name));
    case 'legacy':
      return files.filter(({ name }) => isLegacy(name));
    case 'metadata':
      return directories.map(seed => ({ ...seed, target: /metadata$/ }));
    case 'items':
      return directories.map(seed => ({ ...seed, target: /\.distcp$/ }));
    case 'safetensors':
      return cases
        .filter(({ kind }) => kind === 'safetensors')
        .map(seed => ({ ...seed, target: /\.safetensors$/ }));
    case 'key_map':
      return KEY_MAPS.map(([map, source]) => ({
        name: map,
        bytes: readFileSync(join(repository, 'src/maps', map)),
        source: join(repository, 'fixtures/maps', source),
      }));
  }
}

const KEY_MAPS = [
  ['torchtitan-llama3.json', 'torchtitan'],
  ['megatron-gpt.json', 'megatron'],
  ['megatron-gpt-stacked.json', 'megatron_stacked'],
] as const;
