import { CorruptDataError, FormatError } from '../errors.js';
import { type Box, boxText, elementCountOf } from './box.js';

/** Which of a tensor's chunks to read: together they hold every element exactly once. */
export interface Coverage {
  /** Positions in the list given, in that order. */
  used: number[];
  /** Chunks left out because an earlier one has the same box: other ranks' copies. */
  replicaCount: number;
}

/**
 * Proves that boxes tile a shape: every box inside it, none overlapping another in part, every element held.
 * Empty boxes are dropped first (torch writes one for a rank without rows); of equal boxes the first is used.
 * Torch's own load planner does not check this and leaves uninitialised memory where a box is missing.
 *
 * @throws FormatError for a box outside the shape, CorruptDataError for an overlap or a gap, naming it.
 */
export function proveCoverage(shape: readonly number[], boxes: readonly Box[]): Coverage {
  const used: number[] = [];
  let replicaCount = 0;
  let covered = 0;
  const seen = new Set<string>();
  for (const [index, box] of boxes.entries()) {
    checkInside(shape, box);
    const volume = elementCountOf(box.sizes);
    if (volume === 0) continue;
    if (boxes.length > 1) {
      const key = `${box.offsets.join()}:${box.sizes.join()}`;
      if (seen.has(key)) {
        replicaCount++;
        continue;
      }
      seen.add(key);
    }
    used.push(index);
    covered += volume;
  }
  const usedBoxes = used.map(index => boxes[index]!);
  if (usedBoxes.length > 1) checkNoOverlap(shape, usedBoxes);
  if (covered !== elementCountOf(shape)) {
    const gap = firstGap(shape, usedBoxes);
    throw new CorruptDataError('A part of the tensor is stored nowhere', {
      expected: `${elementCountOf(shape)} elements of shape [${shape.join(', ')}]`,
      found: `${covered} elements; the first gap is ${boxText(gap)}`,
    });
  }
  return { used, replicaCount };
}

function checkInside(shape: readonly number[], box: Box): void {
  const fits =
    box.offsets.length === shape.length &&
    box.sizes.length === shape.length &&
    shape.every((size, d) => {
      const start = box.offsets[d]!;
      const length = box.sizes[d]!;
      return start >= 0 && length >= 0 && start + length <= size;
    });
  if (!fits) {
    throw new FormatError('A chunk lies outside its tensor', {
      expected: `a box inside shape [${shape.join(', ')}]`,
      found: boxText(box),
    });
  }
}

/**
 * A sweep along the dimension that the boxes cut most often: sorted by start, a box is compared only with
 * those that have not ended before it.
 */
function checkNoOverlap(shape: readonly number[], boxes: readonly Box[]): void {
  const dimension = busiestDimension(shape.length, boxes);
  const sorted = [...boxes].sort((a, b) => a.offsets[dimension]! - b.offsets[dimension]!);
  let active: Box[] = [];
  for (const box of sorted) {
    const start = box.offsets[dimension]!;
    active = active.filter(other => other.offsets[dimension]! + other.sizes[dimension]! > start);
    const clash = active.find(other => overlaps(other, box));
    if (clash !== undefined) {
      throw new CorruptDataError('Two chunks of the tensor overlap', {
        expected: 'every element in one chunk',
        found: `${boxText(clash)} and ${boxText(box)}`,
      });
    }
    active.push(box);
  }
}

function busiestDimension(dimensionCount: number, boxes: readonly Box[]): number {
  let best = 0;
  let most = 0;
  for (let d = 0; d < dimensionCount; d++) {
    const starts = new Set(boxes.map(box => box.offsets[d]!)).size;
    if (starts > most) [best, most] = [d, starts];
  }
  return best;
}

function overlaps(a: Box, b: Box): boolean {
  return a.offsets.every((start, d) => {
    const otherStart = b.offsets[d]!;
    return start < otherStart + b.sizes[d]! && otherStart < start + a.sizes[d]!;
  });
}

/** The first box, in row-major order of its start, that no chunk covers. Only called when there is one. */
function firstGap(shape: readonly number[], boxes: readonly Box[]): Box {
  let open: Box[] = [{ offsets: shape.map(() => 0), sizes: [...shape] }];
  for (const box of boxes)
    open = open.flatMap(region => (overlaps(region, box) ? subtract(region, box) : [region]));
  open.sort((a, b) => {
    const d = a.offsets.findIndex((start, i) => start !== b.offsets[i]);
    return d < 0 ? 0 : a.offsets[d]! - b.offsets[d]!;
  });
  return open[0]!;
}

/** What is left of `region` without `box`: at most two boxes a dimension. */
function subtract(region: Box, box: Box): Box[] {
  const rest: Box[] = [];
  const offsets = [...region.offsets];
  const sizes = [...region.sizes];
  for (let d = 0; d < offsets.length; d++) {
    const start = offsets[d]!;
    const end = start + sizes[d]!;
    const cutStart = Math.max(start, box.offsets[d]!);
    const cutEnd = Math.min(end, box.offsets[d]! + box.sizes[d]!);
    const part = (from: number, to: number): Box => ({
      offsets: offsets.with(d, from),
      sizes: sizes.with(d, to - from),
    });
    if (cutStart > start) rest.push(part(start, cutStart));
    if (cutEnd < end) rest.push(part(cutEnd, end));
    offsets[d] = cutStart;
    sizes[d] = cutEnd - cutStart;
  }
  return rest;
}
