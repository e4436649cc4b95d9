import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import type { TensorSource } from '../checkpoint/gather.js';
import type { Comparison } from '../device/device.js';
import { planTensorRecords } from '../device/records.js';
import { type DeviceChoice, openDevice } from '../device/registry.js';
import { UsageError } from '../errors.js';
import { ObjectComparer } from './compare-objects.js';
import {
  type DiffDifference,
  type DiffReport,
  sortDifferences,
  type ValuesDifference,
} from './diff-report.js';
import { alignLists, flatEntriesOf } from './flat-entries.js';
import type { Progress } from './progress.js';
import { openForReading, requireSameCheckpoint } from './reading.js';
import { parseRenames } from './rename.js';
import { treeFormOf, treeNotes } from './tree-notes.js';
import { wantedKeys } from './wanted-keys.js';

export interface DiffOptions {
  /** Only entries whose FQN, that of the second checkpoint, matches one of these globs. */
  keys?: readonly string[];
  /** Substitutions such as `s/^module\.//`, which turn names of the first checkpoint into those of the second. */
  rename?: readonly string[];
  /** With either, values are compared and not bits: equal where |a − b| ≤ atol + rtol · |b|. */
  atol?: number;
  rtol?: number;
  /** What is only a note otherwise makes the two different. */
  strict?: boolean;
  /** Where tensors are compared. Default `cpu`, which reads as fast as anything can. */
  device?: DeviceChoice;
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/**
 * Compares two checkpoints of any formats and shardings, entry by entry, by FQN. Equal bytes are found at the speed of
 * reading; only tensors that differ are looked at by value.
 *
 * Bits are compared: 0 and −0 differ (by a distance of 0), and so do two NaNs with different payloads; a NaN equals
 * itself. With a tolerance values are: 0 and −0 are equal, and any two NaNs.
 *
 * @throws as opening and reading do, UsageError for options that do not fit, InterruptedError.
 */
export async function diffCheckpoints(
  pathA: string,
  pathB: string,
  options: DiffOptions = {},
): Promise<DiffReport> {
  const rename = parseRenames(options.rename ?? []);
  requireTolerance('atol', options.atol);
  requireTolerance('rtol', options.rtol);
  options.onProgress?.({ phase: 'open' });
  const a = await openForReading(pathA);
  try {
    const b = await openForReading(pathB);
    try {
      const report = await compareCheckpoints(a, b, { ...options, renameFqn: rename });
      requireSameCheckpoint(a);
      requireSameCheckpoint(b);
      return report;
    } finally {
      b.close();
    }
  } finally {
    a.close();
  }
}

function requireTolerance(name: string, value: number | undefined): void {
  if (value === undefined || (value >= 0 && value < Number.POSITIVE_INFINITY)) return;
  throw new UsageError(`${name} is no tolerance`, { expected: 'a number of 0 or more', found: value });
}

export interface CompareOptions extends Omit<DiffOptions, 'rename'> {
  /** The name that an entry of the first checkpoint has in the second. */
  renameFqn?: (fqn: string) => string;
}

/** {@link diffCheckpoints} of checkpoints that are open. */
export async function compareCheckpoints(
  a: Checkpoint,
  b: Checkpoint,
  options: CompareOptions = {},
): Promise<DiffReport> {
  options.onProgress?.({ phase: 'plan' });
  const [flatA, flatB] = [await flatEntriesOf(a), await flatEntriesOf(b)];
  const rename = renamer(a.path, flatA.entries, options.renameFqn);
  const aligned = alignLists(flatA.entries, flatB.entries, rename);
  const names = [...aligned.a.map(({ fqn }) => rename(fqn)), ...aligned.b.map(({ fqn }) => fqn)];
  const isWanted = wantedKeys(options.keys, names);
  const { pairs, differences } = pairEntries(aligned.a, aligned.b, rename, isWanted);
  const objects = pairs.filter((pair): pair is Pair<ObjectEntry> => pair.a.kind === 'object');
  const tensors = pairs.filter((pair): pair is Pair<TensorEntry> => pair.a.kind === 'tensor');
  await a.resolve(tensors.map(pair => pair.a).filter(entry => flatA.sourceOf(entry) === a));
  await b.resolve(tensors.map(pair => pair.b).filter(entry => flatB.sourceOf(entry) === b));

  const comparer = new ObjectComparer(
    { a, b },
    { a: objects.map(pair => pair.a), b: objects.map(pair => pair.b) },
  );
  for (const { fqn, a: left, b: right } of objects) {
    const difference = comparer.compare(left, right);
    if (difference !== undefined) {
      differences.push({ kind: 'object', fqn, where: difference.path, what: difference.what });
    }
  }
  const comparable: TensorPair[] = [
    ...tensors.map(pair => ({
      ...pair,
      sourceA: flatA.sourceOf(pair.a),
      sourceB: flatB.sourceOf(pair.b),
    })),
    ...comparer.pairs.map(pair => ({
      fqn: pair.a.fqn,
      ...pair,
      sourceA: comparer.a,
      sourceB: comparer.b,
    })),
  ];
  const { results, ...compared } = await compareTensors(comparable, options);
  const criterion = options.atol === undefined && options.rtol === undefined ? 'bits' : 'tolerance';
  const close: ValuesDifference[] = [];
  for (const [i, comparison] of results.entries()) {
    if (comparison.differingCount === 0) continue;
    const row = valuesDifference(comparable[i]!, comparison, criterion);
    if (row.beyond > 0) differences.push(row);
    else close.push(row);
  }
  const notes = treeNotes(treeFormOf(a.tree), treeFormOf(b.tree), pairs, rename, isWanted);
  return {
    equal: differences.length === 0 && (options.strict !== true || notes.length === 0),
    a: sideOf(a),
    b: sideOf(b),
    criterion,
    atol: options.atol ?? 0,
    rtol: options.rtol ?? 0,
    compared: { ...compared.compared, objects: objects.length },
    device: compared.device,
    differences: sortDifferences(differences),
    close: close.sort((left, right) => right.differing - left.differing),
    notes,
  };
}

function sideOf({ path, format, entries }: Checkpoint): DiffReport['a'] {
  const tensors = entries.filter(({ kind }) => kind === 'tensor').length;
  return { path, format, tensors, objects: entries.length - tensors };
}

/** Entries of both sides under one name, which is that of the second. */
interface Pair<E extends Entry = Entry> {
  fqn: string;
  a: E;
  b: E;
}

interface TensorPair extends Pair<TensorEntry> {
  sourceA: TensorSource;
  sourceB: TensorSource;
}

/** @throws UsageError where the renaming gives two entries one name. */
function renamer(
  path: string,
  entries: readonly Entry[],
  rename: CompareOptions['renameFqn'],
): (fqn: string) => string {
  if (rename === undefined) return fqn => fqn;
  const names = new Map<string, string>();
  for (const { fqn } of entries) {
    const renamed = rename(fqn);
    const other = names.get(renamed);
    if (other !== undefined) {
      throw new UsageError('The renaming gives two entries one name', {
        found: `${other} and ${fqn} become ${renamed}`,
        path,
      });
    }
    names.set(renamed, fqn);
  }
  return rename;
}

/** Finds what can be compared; what cannot is a difference. */
function pairEntries(
  a: readonly Entry[],
  b: readonly Entry[],
  rename: (fqn: string) => string,
  isWanted: (fqn: string) => boolean,
): { pairs: Pair[]; differences: DiffDifference[] } {
  const entriesB = new Map(b.filter(({ fqn }) => isWanted(fqn)).map(entry => [entry.fqn, entry]));
  const pairs: Pair[] = [];
  const differences: DiffDifference[] = [];
  for (const entry of a) {
    const fqn = rename(entry.fqn);
    if (!isWanted(fqn)) continue;
    const partner = entriesB.get(fqn);
    entriesB.delete(fqn);
    if (partner === undefined) differences.push(oneSided('only_in_a', fqn, entry));
    else if (partner.kind !== entry.kind)
      differences.push({ kind: 'kind', fqn, a: entry.kind, b: partner.kind });
    else if (isComparable(fqn, entry, partner, differences)) pairs.push({ fqn, a: entry, b: partner });
  }
  for (const [fqn, entry] of entriesB) differences.push(oneSided('only_in_b', fqn, entry));
  return { pairs, differences };
}

function oneSided(kind: 'only_in_a' | 'only_in_b', fqn: string, entry: Entry): DiffDifference {
  if (entry.kind === 'object') return { kind, fqn, entry: 'object' };
  return { kind, fqn, entry: 'tensor', dtype: entry.dtype.name, size: [...entry.shape] };
}

function isComparable(fqn: string, a: Entry, b: Entry, differences: DiffDifference[]): boolean {
  if (a.kind !== 'tensor' || b.kind !== 'tensor') return true;
  const isOneShape = a.shape.length === b.shape.length && a.shape.every((size, d) => size === b.shape[d]);
  if (!isOneShape) differences.push({ kind: 'shape', fqn, a: [...a.shape], b: [...b.shape] });
  const isOneType = a.dtype === b.dtype;
  if (!isOneType) differences.push({ kind: 'dtype', fqn, a: a.dtype.name, b: b.dtype.name });
  return isOneShape && isOneType;
}

async function compareTensors(
  pairs: readonly TensorPair[],
  { device: choice = 'cpu', workers, signal, onProgress, atol = 0, rtol = 0 }: CompareOptions,
): Promise<{
  results: Comparison[];
  compared: Omit<DiffReport['compared'], 'objects'>;
  device: DiffReport['device'];
}> {
  const recordsA = planTensorRecords(pairs.map(({ a, sourceA }) => ({ entry: a, source: sourceA })));
  const recordsB = planTensorRecords(pairs.map(({ b, sourceB }) => ({ entry: b, source: sourceB })));
  const device = await openDevice(choice, workers === undefined ? {} : { workers });
  try {
    // A damaged byte is a difference here, whatever its checksum says.
    const { results } = await device.compare(recordsA, recordsB, {
      crc: false,
      atol,
      rtol,
      ...(signal === undefined ? {} : { signal }),
      onProgress: progress => onProgress?.({ phase: 'compare', ...progress }),
    });
    const compared = {
      tensors: pairs.length,
      elements: pairs.reduce((sum, { a }) => sum + elementCountOf(a.shape), 0),
      byteLength: recordsA.plan.recordByteLength,
    };
    return { results, compared, device: device.describe() };
  } finally {
    await device.close();
  }
}

function valuesDifference(
  { fqn, a }: TensorPair,
  comparison: Comparison,
  criterion: DiffReport['criterion'],
): ValuesDifference {
  const { elementCount, differingCount, beyondCount, firstIndex, nonFiniteCount, maxAbs, maxRel } =
    comparison;
  return {
    kind: 'values',
    fqn,
    dtype: a.dtype.name,
    size: [...a.shape],
    elements: elementCount,
    differing: differingCount,
    beyond: criterion === 'bits' ? differingCount : beyondCount,
    firstIndex: positionOf(firstIndex!, a.shape),
    nonFinite: nonFiniteCount,
    maxAbs,
    maxRel,
  };
}

/** The position of an element, by its row-major number. */
function positionOf(element: number, shape: readonly number[]): number[] {
  const position = new Array<number>(shape.length);
  let rest = element;
  for (let d = shape.length - 1; d >= 0; d--) {
    position[d] = rest % shape[d]!;
    rest = Math.floor(rest / shape[d]!);
  }
  return position;
}
