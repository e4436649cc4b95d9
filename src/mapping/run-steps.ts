import { elementCountOf } from '../checkpoint/box.js';
import { FormatError, withContext } from '../errors.js';
import type { JoinStep, PartStep, ShapeStep, Size, Sizes, Step } from './key-map.js';
import type { Holes } from './name-pattern.js';
import type { Parameters } from './parameters.js';
import { Rearranged } from './rearranged.js';

/** One of the tensors that go side by side through the steps of a rule. */
export interface Slot {
  /** Its place in `from`, and behind the steps in `to`. */
  readonly place: number;
  readonly holes: Holes;
  readonly tensor: Rearranged;
}

/** The tensors that the steps make of tensors. @throws FormatError naming the step. */
export function runSteps(
  steps: readonly Step[],
  slots: readonly Slot[],
  { parameters, resultCount }: { parameters: Parameters; resultCount: number },
): Slot[] {
  return steps.reduce<Slot[]>(
    (current, step) =>
      withContext({ entry: step.where }, () => new StepRun(parameters, resultCount).run(step, current)),
    [...slots],
  );
}

class StepRun {
  constructor(
    private readonly parameters: Parameters,
    /** Names in `to`. */
    private readonly resultCount: number,
  ) {}

  run(step: Step, slots: readonly Slot[]): Slot[] {
    switch (step.kind) {
      case 'concat':
      case 'stack':
        return groupsOf(slots, step.over).map(group => this.joined(step, group));
      case 'split':
      case 'unstack':
        return slots.flatMap(slot => this.parted(step, slot));
      default:
        return slots.map(slot => ({ ...slot, tensor: this.changed(step, slot.tensor) }));
    }
  }

  private changed(step: ShapeStep, tensor: Rearranged): Rearranged {
    const { shape } = tensor;
    const { parameters } = this;
    switch (step.kind) {
      case 'view': {
        const first = dimensionOf(step.dimension ?? 0, shape.length + 1);
        const count = step.dimension === undefined ? shape.length : step.from!.length;
        const viewed = shape.slice(first, first + count);
        if (step.from !== undefined) this.requireSizes(viewed, step.from);
        return tensor.view(shape.toSpliced(first, count, ...this.sizes(step.to, elementCountOf(viewed))));
      }
      case 'permute':
        if (step.order.length !== shape.length) throw wrongRank(shape, step.order.length);
        return tensor.permute(step.order);
      case 'transpose': {
        const [a, b] = step.dimensions.map(dimension => dimensionOf(dimension, shape.length)) as [
          number,
          number,
        ];
        return tensor.permute(shape.map((_, d) => (d === a ? b : d === b ? a : d)));
      }
      case 'narrow': {
        const dimension = dimensionOf(step.dimension, shape.length);
        return tensor.narrow(dimension, parameters.evaluate(step.start), parameters.evaluate(step.length));
      }
      case 'pad': {
        const dimension = dimensionOf(step.dimension, shape.length);
        return tensor.pad(dimension, parameters.evaluate(step.to));
      }
    }
  }

  private joined(step: JoinStep, group: readonly Slot[]): Slot {
    const { over } = step;
    const first = group[0]!;
    const tensors = group.map(({ tensor }) => tensor);
    const isStack = step.kind === 'stack';
    const rank = first.tensor.shape.length + (isStack ? 1 : 0);
    const dimension = dimensionOf(step.dimension, rank);
    if (!isStack && step.sizes !== undefined) {
      const total = tensors.reduce((sum, { shape }) => sum + shape[dimension]!, 0);
      const sizes = this.lengths(step.sizes, total, tensors.length);
      for (const [k, tensor] of tensors.entries()) requireSize(tensor, dimension, sizes[k]!);
    }
    const tensor = Rearranged.concat(
      isStack ? tensors.map(each => each.unsqueeze(dimension)) : tensors,
      dimension,
    );
    if (over === undefined) return { place: 0, holes: first.holes, tensor };
    const holes = new Map(first.holes);
    holes.delete(over);
    return { place: first.place, holes, tensor };
  }

  private parted(step: PartStep, slot: Slot): Slot[] {
    const { tensor } = slot;
    const dimension = dimensionOf(step.dimension, tensor.shape.length);
    const size = tensor.shape[dimension]!;
    const parts: Rearranged[] = [];
    if (step.kind === 'unstack') {
      for (let position = 0; position < size; position++) parts.push(tensor.select(dimension, position));
    } else {
      let start = 0;
      for (const length of this.lengths(step.sizes, size, this.countOf(step))) {
        parts.push(tensor.narrow(dimension, start, length));
        start += length;
      }
      if (start !== size) {
        throw new FormatError('The sizes are not those of the dimension', { expected: start, found: size });
      }
    }
    const { over } = step;
    if (over === undefined && parts.length !== this.resultCount) {
      throw new FormatError('The dimension has another number of positions than the rule has names', {
        expected: this.resultCount,
        found: parts.length,
      });
    }
    return parts.map((part, k) =>
      over === undefined
        ? { place: k, holes: slot.holes, tensor: part }
        : { ...slot, holes: new Map([...slot.holes, [over, String(k)]]), tensor: part },
    );
  }

  /** Into how many tensors a step parts one; undefined where its sizes are listed. */
  private countOf({ sizes, over }: PartStep & { kind: 'split' }): number | undefined {
    if (sizes.kind !== 'equal') return undefined;
    if (sizes.count !== undefined) return this.parameters.evaluate(sizes.count);
    if (over === undefined) return this.resultCount;
    throw new FormatError('The step does not say into how many tensors', { expected: '"count"' });
  }

  private lengths(sizes: Sizes, total: number, count: number | undefined): number[] {
    if (sizes.kind === 'listed') return this.sizes(sizes.sizes, total, sum);
    const wanted = sizes.count === undefined ? count! : this.parameters.evaluate(sizes.count);
    if (wanted < 1 || total % wanted !== 0) {
      throw new FormatError('The dimension has no such number of equal parts', {
        expected: `a multiple of ${wanted}`,
        found: total,
      });
    }
    return new Array<number>(wanted).fill(total / wanted);
  }

  /** Sizes as numbers; the one that is to be inferred is what makes the total, a product unless told otherwise. */
  private sizes(
    sizes: readonly Size[],
    total: number,
    { combine, remainder }: Inference = PRODUCT,
  ): number[] {
    const known = sizes.map(size => (size === 'infer' ? undefined : this.parameters.evaluate(size)));
    const rest = remainder(
      total,
      known.filter(size => size !== undefined),
    );
    const values = known.map(size => size ?? rest);
    if (values.every(size => Number.isSafeInteger(size) && size >= 0) && combine(values) === total)
      return values;
    throw new FormatError('The sizes are not those of the tensor', {
      expected: `${combine === sum.combine ? 'a sum' : 'a product'} of ${total}`,
      found: `[${known.map(size => size ?? -1).join(', ')}]`,
    });
  }

  private requireSizes(shape: readonly number[], expected: readonly Size[]): void {
    const sizes = this.sizes(expected, elementCountOf(shape));
    if (sizes.join() === shape.join()) return;
    throw new FormatError('The tensor has another shape', {
      expected: `[${sizes.join(', ')}]`,
      found: `[${shape.join(', ')}]`,
    });
  }
}

interface Inference {
  combine(sizes: readonly number[]): number;
  /** What one more size must be. */
  remainder(total: number, sizes: readonly number[]): number;
}

const PRODUCT: Inference = {
  combine: elementCountOf,
  remainder: (total, sizes) => total / elementCountOf(sizes),
};
const sum: Inference = {
  combine: sizes => sizes.reduce((total, size) => total + size, 0),
  remainder: (total, sizes) => sizes.reduce((rest, size) => rest - size, total),
};

/**
 * Tensors that are told apart by one thing only: their place, in its order; or a hole, which counts from 0.
 * @throws FormatError for a gap in the counting.
 */
function groupsOf(slots: readonly Slot[], over: string | undefined): Slot[][] {
  const groups = new Map<string, Slot[]>();
  for (const slot of slots) {
    const rest = [...slot.holes].filter(([hole]) => hole !== over);
    const key = JSON.stringify(over === undefined ? rest : [slot.place, rest]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [slot]);
    else group.push(slot);
  }
  for (const group of groups.values()) {
    if (over === undefined) {
      group.sort((a, b) => a.place - b.place);
      continue;
    }
    const number = ({ holes }: Slot): number => Number(holes.get(over));
    group.sort((a, b) => number(a) - number(b));
    const gap = group.findIndex((slot, k) => number(slot) !== k);
    if (gap < 0) continue;
    throw new FormatError(`The tensors do not count {${over}} from 0 without a gap`, {
      expected: `${over} = ${gap}`,
      found: `${over} = ${number(group[gap]!)}`,
    });
  }
  return [...groups.values()];
}

/** A dimension counted from the end where it is negative. */
function dimensionOf(dimension: number, rank: number): number {
  const counted = dimension < 0 ? dimension + rank : dimension;
  if (counted >= 0 && counted < rank) return counted;
  throw new FormatError(`The tensor has no dimension ${dimension}`, { expected: `${-rank} to ${rank - 1}` });
}

function requireSize({ shape }: Rearranged, dimension: number, expected: number): void {
  if (shape[dimension] === expected) return;
  throw new FormatError(`Dimension ${dimension} of the tensor has another size`, {
    expected,
    found: `${shape[dimension]}, in shape [${shape.join(', ')}]`,
  });
}

function wrongRank(shape: readonly number[], expected: number): FormatError {
  return new FormatError('The tensor has another number of dimensions', {
    expected,
    found: `shape [${shape.join(', ')}]`,
  });
}
