import { CorruptDataError, FormatError } from '../errors.js';
import { type Box, boxText, elementCountOf } from './box.js';
import { findWrongElement } from './corners.js';

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
  let used: number[] = [];
  for (let index = 0; index < boxes.length; index++) {
    checkInside(shape, boxes[index]!);
    if (!boxes[index]!.sizes.includes(0)) used.push(index);
  }
  if (shape.includes(0)) return { used, replicaCount: 0 };
  const boxesOf = (indexes: readonly number[]): readonly Box[] =>
    indexes.length === boxes.length ? boxes : indexes.map(index => boxes[index]!);
  let wrong = findWrongElement(shape, boxesOf(used));
  let replicaCount = 0;
  // Replicas are rare: they are looked for only where the boxes as they are do not tile the shape.
  if (wrong !== undefined) {
    const distinct = firstOfEqual(used, boxes);
    replicaCount = used.length - distinct.length;
    used = distinct;
    if (replicaCount > 0) wrong = findWrongElement(shape, boxesOf(used));
  }
  if (wrong === undefined) return { used, replicaCount };
  throw wrong.isMissing ? gapError(shape, boxesOf(used), wrong.at) : overlapError(boxesOf(used), wrong.at);
}

/** The indexes without those of boxes that equal an earlier one. */
function firstOfEqual(indexes: readonly number[], boxes: readonly Box[]): number[] {
  const seen = new Set<string>();
  return indexes.filter(index => {
    const { offsets, sizes } = boxes[index]!;
    const key = `${offsets.join()}:${sizes.join()}`;
    return !seen.has(key) && seen.add(key);
  });
}

function gapError(shape: readonly number[], boxes: readonly Box[], at: readonly number[]): CorruptDataError {
  const held = boxes.reduce((count, { sizes }) => count + elementCountOf(sizes), 0);
  return new CorruptDataError('A part of the tensor is stored nowhere', {
    expected: `${elementCountOf(shape)} elements of shape [${shape.join(', ')}]`,
    found: `${held} elements; the first gap is ${boxText(gapAt(shape, boxes, at))}`,
  });
}

function overlapError(boxes: readonly Box[], at: readonly number[]): CorruptDataError {
  const point: Box = { offsets: at, sizes: at.map(() => 1) };
  const [first, second] = boxes.filter(box => overlaps(box, point));
  return new CorruptDataError('Two chunks of the tensor overlap', {
    expected: 'every element in one chunk',
    found: `${boxText(first!)} and ${boxText(second!)}`,
  });
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

function overlaps(a: Box, b: Box): boolean {
  return a.offsets.every((start, d) => {
    const otherStart = b.offsets[d]!;
    return start < otherStart + b.sizes[d]! && otherStart < start + a.sizes[d]!;
  });
}

/** A box without chunks that begins at an element in none: grown along the last dimension first. */
function gapAt(shape: readonly number[], boxes: readonly Box[], at: readonly number[]): Box {
  const offsets = [...at];
  const sizes = at.map(() => 1);
  for (let d = shape.length - 1; d >= 0; d--) {
    sizes[d] = shape[d]! - at[d]!;
    const ahead = boxes.filter(box => overlaps(box, { offsets, sizes }));
    for (const box of ahead) sizes[d] = Math.min(sizes[d]!, box.offsets[d]! - at[d]!);
  }
  return { offsets, sizes };
}
