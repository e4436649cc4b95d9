import { LimitError, UsageError } from '../errors.js';
import { type Box, contiguousStride, elementCountOf, wholeBox } from './box.js';
import type { DeviceMesh } from './mesh.js';
import { type Placement, placementText } from './placements.js';
import { type Selection, selectionOfBox } from './slice.js';

/** How tensors are spread over ranks, and which rank is meant: a DTensor's device mesh and placements. */
export interface Sharding {
  readonly mesh: DeviceMesh;
  /** One for each dimension of the mesh. */
  readonly placements: readonly Placement[];
  readonly rank: number;
}

/** What one rank holds of a tensor. All numbers are elements. */
export interface LocalShard {
  /** Of the rank's local tensor; has a 0 where the rank holds nothing. */
  readonly shape: readonly number[];
  /** Where its first element lies in the tensor; the size of the dimension where the rank holds nothing. */
  readonly offsets: readonly number[];
  /**
   * The boxes of the tensor that the local tensor is made of, in its order. None for an empty one; one unless a
   * `_StridedShard` has taken the dimension apart.
   */
  readonly boxes: readonly LocalBox[];
}

/** A box of the tensor, and where its first element lies in the local tensor. */
export interface LocalBox {
  readonly box: Box;
  readonly localOffsets: readonly number[];
}

/** Positions `[start, end)` of a dimension. */
interface Run {
  readonly start: number;
  readonly end: number;
}

/** A local tensor of more boxes than this comes of a wrong split factor. */
const MAX_BOXES = 1 << 18;

/**
 * The part of a tensor that a rank holds: `shape` and `offsets` are what torch's
 * `compute_local_shape_and_global_offset` returns (`torch/distributed/tensor/_utils.py`). Placements are applied from
 * the first dimension of the mesh to the last, each to what the ones before it left.
 *
 * Torch's own load plan knows only `shape` and `offsets`; where `boxes` are several it reads other elements than
 * the ones that `distribute_tensor` puts there.
 * @throws UsageError where placements do not fit the mesh or the tensor. LimitError for too many boxes.
 */
export function localShardOf(shape: readonly number[], sharding: Sharding): LocalShard {
  const { mesh, placements, rank } = sharding;
  if (placements.length !== mesh.shape.length) {
    throw new UsageError('Every dimension of the device mesh needs one placement', {
      expected: `${mesh.shape.length} for mesh ${mesh}`,
      found: `${placements.length}: ${placements.map(placementText).join(', ')}`,
    });
  }
  const coordinate = mesh.coordinateOf(rank);
  const runs: Run[][] = shape.map(size => [{ start: 0, end: size }]);
  for (const [meshDimension, placement] of placements.entries()) {
    if (placement.kind === 'Replicate') continue;
    const d = dimensionOf(placement, shape);
    runs[d] = splitRuns(runs[d]!, placement, mesh.shape[meshDimension]!, coordinate[meshDimension]!);
  }
  const localShape = runs.map(lengthOf);
  return {
    shape: localShape,
    offsets: runs.map((runsOfDimension, d) => (localShape[d] === 0 ? shape[d]! : runsOfDimension[0]!.start)),
    boxes: elementCountOf(localShape) === 0 ? [] : boxesOf(runs),
  };
}

/** The tensor as one process holds it: all of it. */
export function wholeTensor(shape: readonly number[]): LocalShard {
  const box = wholeBox(shape);
  const boxes = elementCountOf(shape) === 0 ? [] : [{ box, localOffsets: box.offsets }];
  return { shape, offsets: box.offsets, boxes };
}

function dimensionOf(placement: Placement & { dim: number }, shape: readonly number[]): number {
  const d = placement.dim < 0 ? placement.dim + shape.length : placement.dim;
  if (d >= 0 && d < shape.length) return d;
  throw new UsageError('The tensor has no dimension for this placement', {
    expected: `a tensor of ${placement.dim < 0 ? -placement.dim : placement.dim + 1} dimensions at least for ${placementText(placement)}`,
    found: `shape [${shape.join(', ')}]`,
  });
}

function splitRuns(
  runs: readonly Run[],
  placement: Placement & { dim: number },
  rankCount: number,
  index: number,
): Run[] {
  const length = lengthOf(runs);
  if (placement.kind === 'Shard') return select(runs, [chunkOf({ start: 0, end: length }, rankCount, index)]);
  const wanted: Run[] = [];
  const { splitFactor } = placement as Placement & { splitFactor: number };
  for (let part = 0; part < splitFactor; part++) {
    const whole = chunkOf({ start: 0, end: length }, splitFactor, part);
    // Behind an empty part all are empty.
    if (whole.start === whole.end) break;
    const own = chunkOf(whole, rankCount, index);
    if (own.start < own.end) wanted.push(own);
    if (wanted.length > MAX_BOXES) throw tooManyBoxes();
  }
  return select(runs, wanted);
}

/** `torch.chunk`: parts of ceil(length / count), the last ones shorter or empty. */
function chunkOf({ start, end }: Run, count: number, index: number): Run {
  const chunk = Math.ceil((end - start) / count);
  return { start: Math.min(end, start + index * chunk), end: Math.min(end, start + (index + 1) * chunk) };
}

/** The parts of `runs`, laid end to end, that lie at the rising positions `wanted`. Neighbours are joined. */
function select(runs: readonly Run[], wanted: readonly Run[]): Run[] {
  const selected: Run[] = [];
  let at = 0;
  let position = 0;
  for (const { start, end } of wanted) {
    while (at < runs.length && position < end) {
      const run = runs[at]!;
      const next = position + run.end - run.start;
      const from = run.start + Math.max(start - position, 0);
      const to = run.start + Math.min(end, next) - position;
      if (from < to) {
        const last = selected.at(-1);
        if (last?.end === from) selected[selected.length - 1] = { start: last.start, end: to };
        else selected.push({ start: from, end: to });
      }
      // The same run may hold the next wanted positions too.
      if (next > end) break;
      position = next;
      at++;
    }
  }
  return selected;
}

function lengthOf(runs: readonly Run[]): number {
  return runs.reduce((length, { start, end }) => length + end - start, 0);
}

/** Every combination of one run a dimension, in row-major order. */
function boxesOf(runs: readonly (readonly Run[])[]): LocalBox[] {
  if (runs.reduce((count, ofDimension) => count * ofDimension.length, 1) > MAX_BOXES) throw tooManyBoxes();
  let boxes: LocalBox[] = [{ box: { offsets: [], sizes: [] }, localOffsets: [] }];
  for (const ofDimension of runs) {
    boxes = boxes.flatMap(({ box, localOffsets }) => {
      let position = 0;
      return ofDimension.map(({ start, end }) => {
        const localOffset = position;
        position += end - start;
        return {
          box: { offsets: [...box.offsets, start], sizes: [...box.sizes, end - start] },
          localOffsets: [...localOffsets, localOffset],
        };
      });
    });
  }
  return boxes;
}

function tooManyBoxes(): LimitError {
  return new LimitError('The placements take the tensor apart into too many boxes', {
    expected: `${MAX_BOXES} on a rank at most`,
  });
}

/** What of the tensor a shard holds, box by box, and where each begins in the local tensor, in elements. */
export function selectionsOf({ shape, boxes }: LocalShard): { selection: Selection; recordOffset: number }[] {
  const stride = contiguousStride(shape);
  return boxes.map(({ box, localOffsets }) => ({
    selection: selectionOfBox(box),
    recordOffset: localOffsets.reduce((sum, offset, d) => sum + offset * stride[d]!, 0),
  }));
}
