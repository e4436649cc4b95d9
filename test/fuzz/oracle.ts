/** What a mutant must end in: a clean error, or a right answer. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { DcpCheckpoint } from '../../src/dcp/reader.js';
import {
  type Checkpoint,
  convert,
  DcpError,
  type ObjectEntry,
  openCheckpoint,
  readPicklesOf,
  type TensorEntry,
} from '../../src/index.js';
import { ObjectComparer } from '../../src/ops/compare-objects.js';
import { decodePickle } from '../../src/pickle/decode.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { findDifference } from '../../src/pickle/equal.js';
import { sha256OfElements } from '../goldens/elements.js';
import { viewOfChunk } from '../goldens/golden-of-checkpoint.js';
import { Random } from '../random.js';
import { mutate } from './mutate.js';
import { type FuzzFormat, type FuzzSeed, seedsOf } from './seeds.js';

export interface Verdict {
  /** `refused`: one of our errors; `right`: it was converted, and that was compared. */
  kind: 'refused' | 'right' | 'wrong';
  /** Of a refusal. */
  code?: string;
  what: string;
}

/** No mutant is written that becomes longer: what an expanded tensor needs is announced, and room for it is checked. */
const MAX_OUTPUT_BYTE_LENGTH = 32 << 20;

/** Makes mutants of one format and judges what becomes of them, in one directory. */
export class Fuzzer {
  private readonly seeds: FuzzSeed[];
  private readonly baselines = new Map<FuzzSeed, Promise<Baseline>>();

  constructor(
    readonly format: FuzzFormat,
    private readonly root: string,
  ) {
    this.seeds = seedsOf(format);
  }

  /** The mutant of a seed and number is always the same. */
  async judge(seed: number, number: number): Promise<Verdict> {
    const random = new Random(Math.imul(seed * 0x9e3779b1 + number, 0x85ebca6b) ^ (number * 0xc2b2ae35));
    for (let i = 0; i < 4; i++) random.next();
    const chosen = random.pick(this.seeds);
    if (chosen.bytes === undefined) return this.judgeCheckpoint(chosen, random);
    const { bytes, what } = mutate(this.format, chosen.bytes, random);
    const shown = `${chosen.name}: ${what}`;
    return chosen.source === undefined
      ? judged(shown, async () => judgePickle(bytes))
      : judged(shown, () => this.judgeMap(chosen.source!, bytes));
  }

  private async judgeCheckpoint(seed: FuzzSeed, random: Random): Promise<Verdict> {
    const source = join(this.root, basename(seed.path!));
    rmSync(source, { recursive: true, force: true });
    const target = this.copy(seed, source, random);
    const original = readFileSync(target);
    const { bytes, what } = mutate(this.format, original, random);
    rmSync(target);
    writeFileSync(target, bytes);
    let baseline = this.baselines.get(seed);
    if (baseline === undefined) this.baselines.set(seed, (baseline = baselineOf(seed.path!)));
    const known = await baseline;
    const verdict = await judged(`${seed.name}, ${basename(target)}: ${what}`, () =>
      this.convertBoth(source, known),
    );
    rmSync(source, { recursive: true, force: true });
    return verdict;
  }

  /** Makes a copy of the seed. Returns the path of the file in it that is to be changed. */
  private copy({ path, target }: FuzzSeed, source: string, random: Random): string {
    if (target === undefined) {
      cpSync(path!, source);
      return source;
    }
    mkdirSync(source);
    const names = readdirSync(path!);
    for (const name of names) cpSync(join(path!, name), join(source, name), { recursive: true });
    return join(source, random.pick(names.filter(name => target.test(name))));
  }

  private async judgeMap(source: string, bytes: Buffer): Promise<string | undefined> {
    const file = join(this.root, 'map.json');
    writeFileSync(file, bytes);
    return this.convertBoth(source, undefined, {
      map: { file, config: join(source, '../hf/config.json'), parameters: { padded_vocab_size: 16 } },
    });
  }

  /** Converts to the other formats, and compares. Returns what is wrong. */
  private async convertBoth(
    source: string,
    baseline: Baseline | undefined,
    options: object = {},
  ): Promise<string | undefined> {
    const planned = await convert(source, join(this.root, 'plan.pth'), {
      from: formatOf(source),
      to: 'torch',
      dryRun: true,
      ...options,
    });
    if (planned.outputs.some(({ byteLength }) => byteLength > MAX_OUTPUT_BYTE_LENGTH)) return undefined;
    const destination = join(this.root, 'out.pth');
    try {
      const result = await convert(source, destination, {
        from: formatOf(source),
        to: 'torch',
        sync: false,
        workers: 0,
        ...options,
      });
      return baseline && (await compare(source, destination, baseline, result.crcChecked));
    } finally {
      rmSync(destination, { force: true });
    }
  }

  /** What no mutant may leave behind. */
  leftovers(): string[] {
    return readdirSync(this.root).filter(name => name.includes('dcp-tmp-'));
  }
}

function formatOf(path: string): 'torch' | 'dcp' | 'safetensors' {
  if (
    existsSync(join(path, '.metadata')) ||
    readdirOf(path).some(name => /^__\d+.*metadata$|\.distcp$/.test(name))
  )
    return 'dcp';
  return readdirOf(path).length > 0 ? 'safetensors' : 'torch';
}

function readdirOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

async function judged(what: string, body: () => Promise<string | undefined>): Promise<Verdict> {
  try {
    const wrong = await body();
    return wrong === undefined ? { kind: 'right', what } : { kind: 'wrong', what: `${what} → ${wrong}` };
  } catch (error) {
    if (error instanceof DcpError) {
      // What reads back otherwise than it was written was written wrong.
      return error.code === 'check'
        ? { kind: 'wrong', what: `${what} → ${error.message}` }
        : { kind: 'refused', code: error.code, what };
    }
    return { kind: 'wrong', what: `${what} → ${error instanceof Error ? error.stack : String(error)}` };
  }
}

/**
 * What is decoded is a value: written and read it stays the same. Not the first time: protocol 2 gives some names of
 * Python 3 those of Python 2, as Python does.
 */
function judgePickle(bytes: Buffer): string | undefined {
  const value = decodePickle(encodePickle(decodePickle(bytes).value)).value;
  const again = decodePickle(encodePickle(value)).value;
  const difference = findDifference(value, again);
  return difference === undefined
    ? undefined
    : `written and read again it differs at ${difference.path}: ${difference.what}`;
}

interface KnownTensor {
  place: string;
  sha256: string;
  /** Of the stored bytes, whole. */
  storedCrcs: number[];
}

/** An object, and the CRC-32 of all that its value follows from. */
interface KnownObject {
  entry: ObjectEntry;
  readFrom: string;
}

/** By path, of the unchanged file: where each tensor lies and what it holds, and its objects. */
export interface Baseline {
  tensors: ReadonlyMap<string, KnownTensor>;
  objects: ReadonlyMap<string, KnownObject>;
  /** Stays open: its objects are compared with those of outputs. Undefined for what is refused. */
  checkpoint: Checkpoint | undefined;
}

export async function baselineOf(path: string): Promise<Baseline> {
  try {
    const checkpoint = await openCheckpoint(path);
    const tensors = new Map(await tensorsOf(checkpoint, true));
    return { tensors, objects: new Map(await objectsOf(path, checkpoint)), checkpoint };
  } catch (error) {
    // Some files of the corpus are refused.
    if (error instanceof DcpError) return { tensors: new Map(), objects: new Map(), checkpoint: undefined };
    throw error;
  }
}

/** Every object, loaded. */
async function objectsOf(path: string, checkpoint: Checkpoint): Promise<[string, KnownObject][]> {
  const objects = checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  await checkpoint.loadObjects(objects);
  let ofAll: string | undefined;
  const found: [string, KnownObject][] = [];
  for (const entry of objects) {
    const place = checkpoint instanceof DcpCheckpoint ? await checkpoint.archiveOfObject(entry) : undefined;
    let readFrom: string;
    if (place === undefined)
      readFrom = ofAll ??= checksumOf((await readPicklesOf(path)).map(({ bytes }) => bytes));
    else {
      const bytes = readFileSync(checkpoint.files[place.file]!.path);
      readFrom = checksumOf([bytes.subarray(place.byteOffset, place.byteOffset + place.byteLength)]);
    }
    found.push([JSON.stringify(entry.path), { entry, readFrom }]);
  }
  return found;
}

function checksumOf(parts: readonly Uint8Array[]): string {
  return parts.map(bytes => `${bytes.length} ${crc32(bytes)}`).join();
}

/** Every tensor, read from its file element by element, without the engine that copies. */
async function tensorsOf(checkpoint: Checkpoint, withDigest: boolean): Promise<[string, KnownTensor][]> {
  const tensors = checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
  await checkpoint.resolve(tensors);
  const files = new Map<string, Uint8Array>();
  const found: [string, KnownTensor][] = [];
  for (const entry of tensors) {
    const places: unknown[] = [entry.dtype.name, entry.shape];
    const storedCrcs: number[] = [];
    let sha256 = '';
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      const view = viewOfChunk(checkpoint, entry, chunk);
      const row = checkpoint.chunks.storage[chunk]!;
      if (view.shape.includes(0) || row === 0xffffffff) continue;
      const { file, byteOffset, byteLength, bigEndian } = checkpoint.storages.at(row);
      const { path, name } = checkpoint.files[file]!;
      if (!files.has(path)) files.set(path, readFileSync(path));
      const bytes = files.get(path)!.subarray(byteOffset, byteOffset + byteLength);
      storedCrcs.push(crc32(bytes));
      places.push(
        checkpoint.chunks.boxOf(chunk),
        view.stride,
        view.storageOffset,
        view.conj,
        view.neg,
        name,
        byteOffset,
        byteLength,
        bigEndian,
      );
      if (withDigest && entry.chunkCount === 1) sha256 = sha256OfElements(view, bytes, bigEndian === true);
    }
    found.push([JSON.stringify(entry.path), { place: JSON.stringify(places), sha256, storedCrcs }]);
  }
  return found;
}

/** Objects that are read from the bytes that they were read from have the values that they had. */
async function compareObjects(
  source: string,
  mutant: Checkpoint,
  output: Checkpoint,
  { objects, checkpoint }: Baseline,
): Promise<string | undefined> {
  if (checkpoint === undefined || objects.size === 0) return undefined;
  const written = output.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  await output.loadObjects(written);
  const byPath = new Map(written.map(entry => [JSON.stringify(entry.path), entry]));
  const known = [...objects.values()].map(({ entry }) => entry);
  const comparer = new ObjectComparer({ a: checkpoint, b: output }, { a: known, b: written });
  for (const [path, { readFrom }] of await objectsOf(source, mutant)) {
    const before = objects.get(path);
    if (before === undefined || before.readFrom !== readFrom) continue;
    const found = byPath.get(path);
    if (found === undefined) {
      // A container is entries of its own there, or part of one.
      if (output.entries.some(({ path: at }) => isAlong(before.entry.path, at))) continue;
      return `object ${path} is missing`;
    }
    const difference = comparer.compare(before.entry, found);
    if (difference !== undefined) return `object ${path}${difference.path}: ${difference.what}`;
  }
  return undefined;
}

/** Whether one path is the beginning of the other. */
function isAlong(a: readonly unknown[], b: readonly unknown[]): boolean {
  return Array.from({ length: Math.min(a.length, b.length) }, (_, i) => a[i] === b[i]).every(Boolean);
}

/**
 * Of what was converted: a tensor that lies where it did, in bytes that are what they were, has the value that it had;
 * and where all checksums are said to be right they are.
 */
export async function compare(
  source: string,
  destination: string,
  baseline: Baseline,
  crcChecked: boolean,
): Promise<string | undefined> {
  const mutant = await openCheckpoint(source);
  const output = await openCheckpoint(destination);
  try {
    if (crcChecked) {
      await mutant.resolve(mutant.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor'));
      for (let row = 0; row < mutant.storages.count; row++) {
        const { file, byteOffset, byteLength, crc32: stated } = mutant.storages.at(row);
        const path = mutant.files[file]?.path;
        if (stated === undefined || path === undefined || !existsSync(path)) continue;
        const bytes = readFileSync(path).subarray(byteOffset, byteOffset + byteLength);
        if (byteLength > 0 && crc32(bytes) !== stated)
          return `storage ${row} has not the CRC-32 that it states`;
      }
    }
    const written = new Map(await tensorsOf(output, true));
    for (const [path, now] of await tensorsOf(mutant, false)) {
      const before = baseline.tensors.get(path);
      if (before === undefined || before.sha256 === '' || before.place !== now.place) continue;
      if (before.storedCrcs.join() !== now.storedCrcs.join()) continue;
      const found = written.get(path);
      if (found === undefined) return `${path} is missing`;
      if (found.sha256 !== before.sha256) return `${path} has another value`;
    }
    return await compareObjects(source, mutant, output, baseline);
  } finally {
    mutant.close();
    output.close();
  }
}
