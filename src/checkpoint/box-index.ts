import type { Box } from './box.js';

/** Boxes of a leaf are looked at one by one. */
const LEAF = 8;

/** One half of the boxes after the other, down to leaves; each node knows what its boxes span. */
interface Node {
  /** The node's boxes are `order[start, end)`. */
  start: number;
  end: number;
  /** The smallest box around them. */
  starts: number[];
  ends: number[];
  halves: readonly [Node, Node] | undefined;
}

/**
 * Finds the boxes that meet another one without a look at all of them: boxes are halved again and again along the
 * dimension in which they start furthest apart.
 */
export class BoxIndex {
  private readonly order: number[];
  private readonly root: Node | undefined;
  /** Boxes and nodes that were compared with a target so far. */
  comparisons = 0;

  constructor(private readonly boxes: readonly Box[]) {
    this.order = boxes.map((_, i) => i);
    this.root = boxes.length === 0 ? undefined : this.build(0, boxes.length);
  }

  /** Positions, in rising order, of the boxes that share an element with `[starts, ends)`. */
  meeting(starts: readonly number[], ends: readonly number[]): number[] {
    const found: number[] = [];
    const pending: Node[] = this.root === undefined ? [] : [this.root];
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      this.comparisons++;
      if (!meet(node.starts, node.ends, starts, ends)) continue;
      if (node.halves !== undefined) {
        pending.push(...node.halves);
        continue;
      }
      for (let i = node.start; i < node.end; i++) {
        this.comparisons++;
        const { offsets, sizes } = this.boxes[this.order[i]!]!;
        const isMet = offsets.every((start, d) => start < ends[d]! && starts[d]! < start + sizes[d]!);
        if (isMet) found.push(this.order[i]!);
      }
    }
    return found.sort((a, b) => a - b);
  }

  private build(start: number, end: number): Node {
    const { order, boxes } = this;
    const first = boxes[order[start]!]!;
    const starts = [...first.offsets];
    const ends = first.offsets.map((offset, d) => offset + first.sizes[d]!);
    const lastStarts = [...first.offsets];
    for (let i = start + 1; i < end; i++) {
      const { offsets, sizes } = boxes[order[i]!]!;
      for (let d = 0; d < starts.length; d++) {
        starts[d] = Math.min(starts[d]!, offsets[d]!);
        lastStarts[d] = Math.max(lastStarts[d]!, offsets[d]!);
        ends[d] = Math.max(ends[d]!, offsets[d]! + sizes[d]!);
      }
    }
    const node: Node = { start, end, starts, ends, halves: undefined };
    if (end - start <= LEAF) return node;
    const spread = lastStarts.map((last, d) => last - starts[d]!);
    const dimension = spread.indexOf(Math.max(...spread));
    const sorted = order.slice(start, end);
    sorted.sort((a, b) => boxes[a]!.offsets[dimension]! - boxes[b]!.offsets[dimension]!);
    for (let i = 0; i < sorted.length; i++) order[start + i] = sorted[i]!;
    const middle = (start + end) >> 1;
    node.halves = [this.build(start, middle), this.build(middle, end)];
    return node;
  }
}

function meet(
  starts: readonly number[],
  ends: readonly number[],
  otherStarts: readonly number[],
  otherEnds: readonly number[],
): boolean {
  for (let d = 0; d < starts.length; d++) {
    if (starts[d]! >= otherEnds[d]! || otherStarts[d]! >= ends[d]!) return false;
  }
  return true;
}
