import type { PieceDimension } from '../../copy/plan.js';
import type { Gather } from '../tile-layout.js';
import { type LaneFormat, lanesOf } from './lanes.js';
import type { Tensor, Tf } from './load.js';

/**
 * Puts a run of elements together from parts, by operations that move integers and change none. Returns an int32
 * tensor of shape [elements, lanes]. Lengths and offsets are elements.
 *
 * @param gathers what fills the run, which begins at `tileByteOffset` of the tile.
 */
export function joinElements(
  tf: Tf,
  format: LaneFormat,
  gathers: readonly Gather[],
  staging: Uint8Array,
  tileByteOffset: number,
  elementCount: number,
): Tensor {
  const itemSize = format.laneCount * format.laneByteLength;
  return tf.tidy(() => {
    const parts = gathers.map(gather => partOf(tf, format, gather, staging, tileByteOffset));
    const joined = concatenated(tf, format, parts, 1, elementCount);
    const whole = joined ?? scattered(tf, format, parts, elementCount);
    return tf.reshape(whole, [elementCount, itemSize / format.laneByteLength]);
  });
}

/** Elements at places of a run: `dimensions` of runs of `run` elements, outermost first. */
interface Part {
  /** Shape [outer axes joined so far, …counts, run, lanes]. */
  tensor: Tensor;
  offset: number;
  run: number;
  dimensions: readonly { count: number; step: number }[];
}

/** Uploads what a gather reads, and brings it into the order of the target. */
function partOf(
  tf: Tf,
  format: LaneFormat,
  { stagingByteOffset, tileByteOffset, runByteLength, dimensions }: Gather,
  staging: Uint8Array,
  runByteOffset: number,
): Part {
  const { laneCount } = format;
  const itemSize = laneCount * format.laneByteLength;
  const run = runByteLength / itemSize;
  const span = dimensions.reduce(
    (sum, { count, sourceStep }) => sum + (count - 1) * sourceStep,
    runByteLength,
  );
  const lanes = lanesOf(format, staging.subarray(stagingByteOffset, stagingByteOffset + span));
  const uploaded = tf.tensor(lanes, [span / itemSize, laneCount], 'int32');
  const counts = dimensions.map(({ count }) => count);
  const shape = [1, ...counts, run, laneCount];
  const order = denseOrder(dimensions, runByteLength);
  let tensor: Tensor;
  if (order === undefined) {
    tensor = tf.reshape(
      tf.gather(uploaded, indicesOf(tf, dimensions, itemSize, run, 'sourceStep', 0)),
      shape,
    );
  } else {
    // Axes as they lie in the source, then as the target wants them.
    const inSource = [1, ...order.map(d => counts[d]!), run, laneCount];
    const axes = [0, ...counts.map((_, d) => 1 + order.indexOf(d)), counts.length + 1, counts.length + 2];
    tensor = tf.transpose(tf.reshape(uploaded, inSource), axes);
  }
  return {
    tensor,
    offset: (tileByteOffset - runByteOffset) / itemSize,
    run,
    dimensions: dimensions.map(({ count, recordStep }) => ({ count, step: recordStep / itemSize })),
  };
}

/** The dimensions by falling step in the source, if its bytes are all wanted, once each. */
function denseOrder(dimensions: readonly PieceDimension[], runByteLength: number): number[] | undefined {
  const order = dimensions.map((_, d) => d);
  order.sort((a, b) => dimensions[b]!.sourceStep - dimensions[a]!.sourceStep);
  let step = runByteLength;
  for (const d of [...order].reverse()) {
    if (dimensions[d]!.sourceStep !== step) return undefined;
    step *= dimensions[d]!.count;
  }
  return order;
}

/** Positions of elements, in the order of the dimensions: sums of ranges, computed on the device. */
function indicesOf(
  tf: Tf,
  dimensions: readonly PieceDimension[],
  itemSize: number,
  run: number,
  side: 'sourceStep' | 'recordStep',
  first: number,
): Tensor {
  let indices = tf.add(tf.range(0, run, 1, 'int32'), tf.scalar(first, 'int32'));
  for (const dimension of [...dimensions].reverse()) {
    const step = tf.scalar(dimension[side] / itemSize, 'int32');
    const starts = tf.mul(tf.range(0, dimension.count, 1, 'int32'), step);
    indices = tf.reshape(tf.add(tf.expandDims(starts, 1), tf.expandDims(indices, 0)), [-1]);
  }
  return indices;
}

/**
 * Parts that follow each other are concatenated; parts that interleave have their outermost dimension in common, along
 * which the same is done inside. Undefined where they do not.
 */
function concatenated(
  tf: Tf,
  { laneCount }: LaneFormat,
  parts: readonly Part[],
  outer: number,
  length: number,
): Tensor | undefined {
  const groups = groupsOf(parts);
  const joined: Tensor[] = [];
  let at = 0;
  for (const group of groups) {
    const [{ offset, dimensions, run, tensor }] = group.parts as [Part, ...Part[]];
    if (offset !== at) return undefined;
    const [first] = dimensions;
    if (first === undefined) {
      if (group.parts.length > 1) return undefined;
      joined.push(tf.reshape(tensor, [outer, run, laneCount]));
      at += run;
      continue;
    }
    const { count, step } = first;
    if (group.parts.some(part => part.dimensions[0]?.count !== count || part.dimensions[0].step !== step))
      return undefined;
    const inner = group.parts.map(part => ({
      tensor: tf.reshape(part.tensor, [outer * count, ...part.tensor.shape.slice(2)]),
      offset: part.offset - offset,
      run: part.run,
      dimensions: part.dimensions.slice(1),
    }));
    const rows = concatenated(tf, { laneCount, laneByteLength: 4 }, inner, outer * count, step);
    if (rows === undefined) return undefined;
    joined.push(tf.reshape(rows, [outer, count * step, laneCount]));
    at += count * step;
  }
  if (at !== length) return undefined;
  return joined.length === 1 ? joined[0]! : tf.concat(joined, 1);
}

/** Parts in groups whose spans meet, in order. */
function groupsOf(parts: readonly Part[]): { parts: Part[] }[] {
  const groups: { parts: Part[]; end: number }[] = [];
  for (const part of [...parts].sort((a, b) => a.offset - b.offset)) {
    const end = part.dimensions.reduce(
      (sum, { count, step }) => sum + (count - 1) * step,
      part.offset + part.run,
    );
    const group = groups.at(-1);
    if (group !== undefined && part.offset < group.end) {
      group.parts.push(part);
      group.end = Math.max(group.end, end);
    } else {
      groups.push({ parts: [part], end });
    }
  }
  return groups;
}

/** Parts in any arrangement: each element is put at its place. */
function scattered(tf: Tf, { laneCount }: LaneFormat, parts: readonly Part[], elementCount: number): Tensor {
  const indices = parts.map(({ offset, run, dimensions }) => {
    const steps = dimensions.map(({ count, step }) => ({ count, sourceStep: 0, recordStep: step }));
    return indicesOf(tf, steps, 1, run, 'recordStep', offset);
  });
  const elements = parts.map(({ tensor }) => tf.reshape(tensor, [-1, laneCount]));
  return tf.scatterND(tf.expandDims(tf.concat(indices, 0), 1), tf.concat(elements, 0), [
    elementCount,
    laneCount,
  ]);
}
