import { contiguousStride, elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import { Gatherers, type TensorSource } from '../checkpoint/gather.js';
import { localShardOf, type Sharding, selectionsOf } from '../checkpoint/local-shard.js';
import { parseSlice, type Selection } from '../checkpoint/slice.js';
import { requireCast } from '../copy/cast.js';
import { type CopyOptions, type CopyProgress, type CopyReport, streamCopy } from '../copy/copy.js';
import { type CopyPlan, CopyPlanBuilder } from '../copy/plan.js';
import type { ByteSink } from '../copy/stream.js';
import { type DTypeInfo, findDType } from '../dtype.js';
import { UnsupportedError, UsageError, withContext } from '../errors.js';
import { type ArrayElements, arrayElements } from '../npy/elements.js';
import { addNpy, addNpz, type PlannedArray } from '../npy/writer.js';
import { toPythonLiteral } from '../pickle/literal.js';
import { type Destination, fileDestination, streamDestination } from './destination.js';
import { TensorText } from './element-text.js';
import { torchTypeName } from './element-types.js';
import { type FoundEntry, findEntry } from './find-entry.js';
import { openForReading, requireSameCheckpoint } from './reading.js';

/** `npz` holds several arrays, the others one; `raw` is the elements alone, little-endian and row by row. */
export type ExtractFormat = 'npy' | 'npz' | 'raw';

export interface PartOptions {
  /** A part of each tensor, in numpy's notation: `0:10,:`. */
  slice?: string;
  /** What one rank holds of each tensor. */
  shard?: Sharding;
}

export interface ExtractOptions extends PartOptions {
  /** Default: `npz` for several tensors, `npy` for one. */
  format?: ExtractFormat;
  /** Name of the element type to convert to, as torch's `.to()` does: `float32`. */
  cast?: string;
  /** Types that numpy lacks come as the unsigned integers of their bits, not as float32 or complex64. */
  rawBits?: boolean;
  /** Replace a destination that exists. */
  force?: boolean;
  /** Bring the output to the device before it gets its name. Default true. */
  sync?: boolean;
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}

export interface ExtractResult {
  source: string;
  destination: string;
  format: ExtractFormat;
  arrays: ExtractedArray[];
  /** Of the file. */
  byteLength: number;
  /** How the checksums of the source came out, in storages; those of partly read ones say nothing. */
  crc: CopyReport['crc'];
  workers: number;
  leftBehind: string[];
}

export interface ExtractedArray {
  fqn: string;
  /** Element type in the checkpoint. */
  dtype: string;
  /** Element type in the file. */
  writtenAs: string;
  /** Of the array. */
  size: number[];
  byteLength: number;
}

/**
 * Copies tensors, or parts of them, into a file that numpy opens, or into raw bytes. Only the wanted runs of the source
 * are read, and memory stays flat whatever their size.
 * @throws UsageError for a name that is not there, with a suggestion, and for what the tensor or the destination does
 * not allow; UnsupportedError for an element type that numpy lacks and that has no values of its own; what reading
 * throws. After any of them the destination is what it was.
 */
export async function extractTensors(
  path: string,
  fqns: readonly string[],
  destination: string,
  options: ExtractOptions = {},
): Promise<ExtractResult> {
  return extract(path, fqns, fileDestination(destination, options), options);
}

/** {@link extractTensors} into a stream: the same bytes, in order. */
export async function extractToStream(
  path: string,
  fqns: readonly string[],
  sink: ByteSink,
  options: Omit<ExtractOptions, 'force' | 'sync'> = {},
): Promise<ExtractResult> {
  return extract(path, fqns, streamDestination(sink), options);
}

async function extract(
  path: string,
  fqns: readonly string[],
  target: Destination,
  options: ExtractOptions,
): Promise<ExtractResult> {
  const format = formatFor(fqns, options.format);
  const cast = dtypeNamed(options.cast);
  return reading(path, fqns, async (source, found) => {
    const wanted = found.map(entry => wantedOf(entry, options));
    const arrays = wanted.map(part => {
      const { fqn, dtype } = part.entry;
      return withContext({ fqn }, () => ({
        part,
        elements: format === 'raw' ? rawElements(dtype, cast) : arrayElements(dtype, { ...options, cast }),
      }));
    });
    const plan = planFile(format, target.path, arrays);
    const { report, leftBehind } = await target.deliver(plan, copyOptions(options), () =>
      requireSameCheckpoint(source, plan),
    );
    return {
      source: source.path,
      destination: target.path,
      format,
      arrays: arrays.map(({ part, elements }) => ({
        fqn: part.entry.fqn,
        dtype: part.entry.dtype.name,
        writtenAs: elements.dtype,
        size: [...part.shape],
        byteLength: elementCountOf(part.shape) * elements.itemSize,
      })),
      byteLength: plan.outputs[0]!.byteLength,
      crc: report.crc,
      workers: report.workers,
      leftBehind,
    };
  });
}

/**
 * Values as text, for people and scripts: of a tensor a line that says what it is, then its elements (see
 * {@link TensorText}); of an object its Python literal.
 * @throws as {@link extractTensors}.
 */
export async function extractText(
  path: string,
  fqns: readonly string[],
  sink: (text: string) => Promise<void>,
  options: PartOptions & Pick<ExtractOptions, 'workers' | 'signal' | 'onProgress'> = {},
): Promise<void> {
  await reading(path, fqns, async (source, found) => {
    for (const entry of found) {
      if (entry.kind === 'object') {
        requireSameCheckpoint(source);
        await sink(`# ${onOneLine(entry.entry.fqn)}\n${toPythonLiteral(entry.entry.value!, WHOLE)}\n`);
        continue;
      }
      const part = wantedOf(entry, options);
      const { fqn, dtype } = part.entry;
      await sink(`# ${onOneLine(fqn)} ${dtype.name} [${part.shape.join(', ')}]\n`);
      const text = new TensorText(dtype, part.shape);
      const plan = planFile('raw', '-', [{ part, elements: rawElements(dtype, undefined) }]);
      const addText = (bytes: Uint8Array): Promise<void> => sink(text.add(bytes));
      await streamCopy(plan, addText, () => requireSameCheckpoint(source, plan), copyOptions(options));
    }
  });
}

function onOneLine(fqn: string): string {
  return fqn.replaceAll('\n', '\\n');
}

const WHOLE = { maxLength: Number.POSITIVE_INFINITY };

async function reading<T>(
  path: string,
  fqns: readonly string[],
  action: (source: Checkpoint, found: FoundEntry[]) => Promise<T>,
): Promise<T> {
  if (fqns.length === 0) throw new UsageError('No tensor is named');
  const repeated = fqns.find((fqn, i) => fqns.indexOf(fqn) < i);
  if (repeated !== undefined) throw new UsageError('A tensor is named twice', { found: repeated });
  const source = await openForReading(path);
  try {
    const found: FoundEntry[] = [];
    for (const fqn of fqns) found.push(await findEntry(source, fqn));
    return await action(source, found);
  } finally {
    source.close();
  }
}

function copyOptions({ workers, signal, onProgress }: ExtractOptions): CopyOptions {
  return {
    ...(workers === undefined ? {} : { workers }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
}

function formatFor(fqns: readonly string[], format: ExtractFormat | undefined): ExtractFormat {
  if (format === undefined) return fqns.length > 1 ? 'npz' : 'npy';
  if (format === 'npz' || fqns.length === 1) return format;
  throw new UsageError(`Several tensors do not go into one ${format} file`, {
    expected: 'one tensor, or the format npz',
    found: `${fqns.length} tensors`,
  });
}

function dtypeNamed(name: string | undefined): DTypeInfo | undefined {
  if (name === undefined) return undefined;
  const dtype = findDType(torchTypeName(name));
  if (dtype !== undefined) return dtype;
  throw new UsageError('This is no element type', {
    expected: 'fp32, fp16, or a name of torch such as float32 or int64',
    found: name,
  });
}

/** A tensor, or the part of it that was asked for. */
interface WantedPart {
  entry: TensorEntry;
  source: TensorSource;
  /** Of the result. */
  shape: readonly number[];
  /** Where each group of elements goes in the result, in elements from its start. */
  pieces: { selection: Selection; recordOffset: number }[];
  /** Of the result, for the dimensions of the tensor: those that an index took away have one too. */
  recordStride: readonly number[];
}

function wantedOf(found: FoundEntry, { slice, shard }: PartOptions): WantedPart {
  if (found.kind === 'object') {
    throw new UnsupportedError('It is no tensor', {
      found: 'a Python value',
      fqn: found.entry.fqn,
      hint: 'Use --format text to see it.',
    });
  }
  if (slice !== undefined && shard !== undefined) {
    throw new UsageError('A slice and the box of a rank were both asked for', { expected: 'one of them' });
  }
  const { entry, source } = found;
  return withContext({ fqn: entry.fqn }, () => {
    if (shard !== undefined) return shardOf(entry, source, shard);
    const { selection, shape } = parseSlice(slice ?? '...', entry.shape);
    const recordStride = contiguousStride(selection.sizes);
    return { entry, source, shape, recordStride, pieces: [{ selection, recordOffset: 0 }] };
  });
}

function shardOf(entry: TensorEntry, source: TensorSource, sharding: Sharding): WantedPart {
  const shard = localShardOf(entry.shape, sharding);
  const { shape } = shard;
  return { entry, source, shape, recordStride: contiguousStride(shape), pieces: selectionsOf(shard) };
}

function rawElements(dtype: DTypeInfo, cast: DTypeInfo | undefined): ArrayElements {
  const written = cast ?? dtype;
  requireCast(dtype, written);
  return {
    type: '',
    itemSize: written.itemSize,
    dtype: written.name,
    cast: written === dtype ? undefined : { from: dtype, to: written },
  };
}

function planFile(
  format: ExtractFormat,
  path: string,
  arrays: readonly { part: WantedPart; elements: ArrayElements }[],
): CopyPlan {
  const plan = new CopyPlanBuilder();
  const output = plan.addOutput({ name: path.slice(path.lastIndexOf('/') + 1), byteLength: 0 });
  const gatherers = new Gatherers(plan);
  const planned = arrays.map(({ part, elements }): PlannedArray => {
    const { entry, source, shape, pieces, recordStride } = part;
    const gatherer = gatherers.of(source);
    return {
      name: entry.fqn,
      type: elements.type,
      shape,
      byteLength: elementCountOf(shape) * elements.itemSize,
      cast: elements.cast,
      addPieces: () => {
        for (const { selection, recordOffset } of pieces) {
          gatherer.addSelection(entry, selection, recordStride, recordOffset);
        }
      },
    };
  });
  const [first] = planned as [PlannedArray];
  let byteLength: number;
  if (format === 'npz') byteLength = addNpz(plan, output, planned);
  else if (format === 'npy') byteLength = addNpy(plan, output, first);
  else {
    plan.beginRecord(output, 0, first.byteLength, first.cast);
    first.addPieces();
    byteLength = first.byteLength;
  }
  plan.setOutputByteLength(output, byteLength);
  return plan.build();
}
