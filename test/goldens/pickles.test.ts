import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { decompress } from 'fzstd';
import { decodePickle } from '../../src/pickle/decode.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { findDifference } from '../../src/pickle/equal.js';
import { fixtureCases, fixturePath, golden } from '../fixtures.js';
import { is, ok, suite } from '../suite.js';
import { opcodesOf } from './opcodes.js';

/** A pickle of the corpus: of which case, and which one in it. */
interface Pickle {
  label: string;
  bytes: Uint8Array;
}

const PROTO = 0x80;

/** `data.pkl` and `constants.pkl` of a zip archive. */
function picklesOfArchive(label: string, archive: Uint8Array): Pickle[] {
  return Object.entries(
    unzipSync(archive, { filter: ({ name }) => /\/(data|constants)\.pkl$/.test(name) }),
  ).map(([name, bytes]) => ({ label: `${label}: ${name}`, bytes }));
}

/** The five pickles that begin a file of the container from before torch 1.6. */
function picklesOfLegacyFile(label: string, file: Uint8Array): Pickle[] {
  const found: Pickle[] = [];
  for (let start = 0; found.length < 5; ) {
    const { byteLength } = decodePickle(file, { start });
    const bytes = file.subarray(start, start + byteLength);
    found.push({ label: `${label}: pickle ${found.length + 1}`, bytes });
    start += byteLength;
  }
  return found;
}

/** What a stored item was before the stream transform: a zstd frame begins with 28 B5 2F FD. */
const inflated = (item: Uint8Array): Uint8Array => (item[0] === 0x28 ? decompress(item) : item);

/** The indexes, and the pickle of every stored item. */
function picklesOfDirectory(label: string, path: string, places: Place[]): Pickle[] {
  const files = new Map<string, Uint8Array>();
  const read = (name: string): Uint8Array => {
    if (!files.has(name)) files.set(name, readFileSync(join(path, name)));
    return files.get(name)!;
  };
  const items = places.flatMap(({ relative_path, offset, length }) =>
    picklesOfArchive(
      `${label}: ${relative_path} at ${offset}`,
      inflated(read(relative_path).subarray(offset, offset + length)),
    ),
  );
  const indexes = readdirSync(path).filter(name => name.endsWith('.metadata'));
  return [...indexes.map(name => ({ label: `${label}: ${name}`, bytes: read(name) })), ...items];
}

type Place = { relative_path: string; offset: number; length: number };

const PICKLES = fixtureCases.flatMap(({ name, torch, kind }): Pickle[] => {
  const label = `${name} of torch ${torch}`;
  const path = fixturePath(name, torch);
  if (kind === 'dcp') {
    const { items } = golden(name, torch).dcp!;
    // Tensors in a safetensors image have no pickle.
    const hasTensorItems = !name.startsWith('safetensors_image');
    const places = items.flatMap((item): Place[] =>
      item.kind === 'object' ? [item] : hasTensorItems ? item.chunks : [],
    );
    return picklesOfDirectory(label, path, places);
  }
  if (path.endsWith('.gz') || kind === 'safetensors') return [];
  const file = readFileSync(path);
  return file[0] === PROTO || file[0] === 0x4c
    ? picklesOfLegacyFile(label, file)
    : picklesOfArchive(label, file);
});

/** Written by torch's C++ pickler, which never reads what it wrote before it writes an object again. */
const OF_PROGRAMS = PICKLES.filter(({ label }) => label.startsWith('torch_script'));
const OF_PYTHON = PICKLES.filter(pickle => !OF_PROGRAMS.includes(pickle));
/** Its 8-bit strings are written as text. */
const OF_PYTHON_2 = /^legacy_python_2/;
const protocolOf = ({ bytes }: Pickle): number => (bytes[0] === PROTO ? bytes[1]! : 0);

/** As a conversion does it. */
const again = (bytes: Uint8Array): Uint8Array =>
  encodePickle(decodePickle(bytes, { keepStringIdentity: 'loaded' }).value);

suite('goldens: every pickle, read and written back', ({ each, test }) => {
  test('there are pickles of every kind and protocol', () => {
    const protocols = new Set(PICKLES.map(protocolOf));
    ok(
      [0, 2, 3, 4, 5].every(protocol => protocols.has(protocol)),
      [...protocols].join(),
    );
    ok(PICKLES.length > 1000, `${PICKLES.length}`);
  });

  each(
    [...new Set(OF_PYTHON.map(({ label }) => label.replace(/:.*/, '')))],
    label => `${label}: the same opcodes`,
    label => {
      for (const pickle of OF_PYTHON.filter(one => one.label.startsWith(`${label}:`))) {
        const written = again(pickle.bytes);
        if (protocolOf(pickle) === 2 && !OF_PYTHON_2.test(label)) {
          is(opcodesOf(written), opcodesOf(pickle.bytes), pickle.label);
          const { value } = decodePickle(pickle.bytes, { keepStringIdentity: 'written' });
          ok(Buffer.compare(encodePickle(value), pickle.bytes) === 0, `${pickle.label}: other bytes`);
        } else {
          // Everything is written under protocol 2: there are other opcodes for the same value.
          is(
            findDifference(decodePickle(pickle.bytes).value, decodePickle(written).value),
            undefined,
            pickle.label,
          );
          is(opcodesOf(again(written)), opcodesOf(written), pickle.label);
        }
      }
    },
  );

  each(
    OF_PROGRAMS,
    ({ label }) => `${label}: the same value`,
    ({ bytes }) => {
      is(findDifference(decodePickle(bytes).value, decodePickle(again(bytes)).value), undefined);
    },
  );
});
