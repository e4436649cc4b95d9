import { type Box, contiguousStride, elementCountOf } from '../../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { TensorSource } from '../../checkpoint/gather.js';
import { numberFormatOf, readNumbers } from '../../numbers.js';
import { elementTexts } from '../element-text.js';
import { type ReadOptions, readTensors } from '../load/read-tensors.js';

/** A box of a tensor, as numbers to look at. */
export interface TensorWindow extends Box {
  /** One an element, row-major, as Python would write them; floats of up to 32 bits in five significant digits. */
  texts: readonly string[];
}

export interface NumberOptions extends ReadOptions {
  /** Where the bytes of a tensor inside an object are, which is loaded. */
  source?: TensorSource | undefined;
}

/**
 * Reads a box of a tensor. Only the chunks that it meets need be at hand.
 * @throws as reading data does.
 */
export async function readWindow(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  box: Box,
  options: NumberOptions = {},
): Promise<TensorWindow> {
  const bytes = await readBox(checkpoint, entry, box, options);
  return { ...box, texts: shortTexts(entry, bytes) };
}

async function readBox(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  box: Box,
  { source, ...options }: NumberOptions,
): Promise<Uint8Array> {
  const elementCount = elementCountOf(box.sizes);
  const target = new Uint8Array(elementCount * entry.dtype.itemSize);
  const boxes = elementCount === 0 ? [] : [{ box, localOffsets: box.sizes.map(() => 0) }];
  const shard = { shape: box.sizes, offsets: box.offsets, boxes };
  const read = { entry, shard, dtype: entry.dtype.name, target, ...(source && { source }) };
  await readTensors(checkpoint, [read], { workers: 0, ...options });
  return target;
}

function shortTexts({ dtype }: TensorEntry, bytes: Uint8Array): string[] {
  const { kind, bitWidth, componentCount } = numberFormatOf(dtype);
  if (kind !== 'float' || componentCount === 2 || bitWidth < 8) return elementTexts(dtype, bytes);
  return Array.from(readNumbers(dtype, bytes), shortFloat);
}

function shortFloat(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const short = String(Number(value.toPrecision(5)));
  return /[.e]/.test(short) ? short : `${short}.0`;
}

/** Numbers of a tensor: all of them, or some from all over it. */
export interface TensorSample {
  numbers: Float64Array;
  isWhole: boolean;
}

const SAMPLE_BYTE_LENGTH = 1 << 20;
const SAMPLE_RUNS = 64;

/**
 * The numbers of a tensor of up to a mebibyte; of a larger one a mebibyte in runs that lie evenly over it. Components of
 * complex numbers and halves of packed ones are numbers of their own.
 * @throws as reading data does.
 */
export async function sampleNumbers(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  options: NumberOptions = {},
): Promise<TensorSample> {
  const { source, ...readOptions } = options;
  const { shape, dtype } = entry;
  const elementCount = elementCountOf(shape);
  if (elementCount * dtype.itemSize <= SAMPLE_BYTE_LENGTH) {
    const box = { offsets: shape.map(() => 0), sizes: shape };
    return { numbers: readNumbers(dtype, await readBox(checkpoint, entry, box, options)), isWhole: true };
  }
  const length = Math.floor(SAMPLE_BYTE_LENGTH / SAMPLE_RUNS / dtype.itemSize);
  const reads = Array.from({ length: SAMPLE_RUNS }, (_, i) => {
    const start = Math.floor(((elementCount - length) * i) / (SAMPLE_RUNS - 1));
    const box = runFrom(shape, start, length);
    const target = new Uint8Array(elementCountOf(box.sizes) * dtype.itemSize);
    const shard = {
      shape: box.sizes,
      offsets: box.offsets,
      boxes: [{ box, localOffsets: shape.map(() => 0) }],
    };
    return { entry, shard, dtype: dtype.name, target, ...(source && { source }) };
  });
  await readTensors(checkpoint, reads, { workers: 0, ...readOptions });
  return { numbers: readNumbers(dtype, Buffer.concat(reads.map(({ target }) => target))), isWhole: false };
}

/** A box of at most `length` elements, in one run, with the row-major element `start` in it. */
function runFrom(shape: readonly number[], start: number, length: number): Box {
  const strides = contiguousStride(shape);
  const offsets = shape.map((size, d) => Math.floor(start / strides[d]!) % size);
  const sizes = shape.map(() => 1);
  for (let d = shape.length - 1; d >= 0; d--) {
    const most = Math.floor(length / strides[d]!);
    if (most < 1) break;
    sizes[d] = Math.min(shape[d]!, most);
    offsets[d] = Math.min(offsets[d]!, shape[d]! - sizes[d]!);
    if (sizes[d]! < shape[d]!) break;
  }
  return { offsets, sizes };
}
