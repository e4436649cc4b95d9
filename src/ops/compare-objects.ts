import { type Checkpoint, type ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { type Difference, findDifference } from '../pickle/equal.js';
import { type ObjectTensors, tensorsInObjects } from '../torch/object-tensors.js';

/** Two tensors whose bytes are to be compared. They have one type and shape. */
export interface InnerPair {
  a: TensorEntry;
  b: TensorEntry;
}

/** Compares the Python values of objects, and finds the tensors in them that must be compared by their bytes. */
export class ObjectComparer {
  /** Tensors and storages inside the objects of each side. */
  readonly a: ObjectTensors;
  readonly b: ObjectTensors;
  private readonly partners = new Map<TensorEntry, Set<TensorEntry>>();

  /** Objects must be loaded. */
  constructor(
    checkpoints: { a: Checkpoint; b: Checkpoint },
    objects: { a: readonly ObjectEntry[]; b: readonly ObjectEntry[] },
  ) {
    this.a = tensorsInObjects(checkpoints.a, objects.a, { storages: true });
    this.b = tensorsInObjects(checkpoints.b, objects.b, { storages: true });
  }

  /**
   * The first difference between two objects; undefined where there is none, or only in the bytes of tensors. Types
   * count (1 is not 1.0), floats are compared by their bits; the order of dicts and which values are one object do not.
   */
  compare(a: ObjectEntry, b: ObjectEntry): Difference | undefined {
    return findDifference(a.value!, b.value!, {
      identity: false,
      dictOrder: false,
      replace: (value, side) => this[side].entryOf.get(value) ?? value,
      external: (left, right) => {
        if (!(left instanceof TensorEntry && right instanceof TensorEntry)) return left === right;
        const [here, there] = [textOf(left), textOf(right)];
        if (here !== there) return `tensor ${here} here, ${there} there`;
        const known = this.partners.get(left);
        if (known === undefined) this.partners.set(left, new Set([right]));
        else known.add(right);
        return true;
      },
    });
  }

  /** The tensors that stood at equal places of the objects compared so far. */
  get pairs(): InnerPair[] {
    return [...this.partners].flatMap(([a, others]) => [...others].map(b => ({ a, b })));
  }
}

function textOf({ dtype, shape }: TensorEntry): string {
  return `${dtype.name} [${shape.join(', ')}]`;
}
