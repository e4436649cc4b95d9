import { type Checkpoint, type Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { leavesOf } from '../checkpoint/flatten.js';
import type { TensorSource } from '../checkpoint/gather.js';
import { PyList } from '../pickle/values.js';
import { stridedTensorOf, tensorSourceOf } from '../torch/object-tensors.js';
import { type StridedTensor, tensorFormOf } from '../torch/tensors.js';

/** Entries of a checkpoint as torch flattens a state dict since 2.4, and where the bytes of the tensors are. */
export interface FlatEntries {
  readonly entries: readonly Entry[];
  sourceOf(entry: TensorEntry): TensorSource;
}

/**
 * The entries of a checkpoint, its objects loaded. A mapping that is stored as one object (torch before 2.4 did so
 * where there was no tensor in it, torch 1.13 always) is taken apart, so that it compares with one that is not; so is an
 * object that is nothing but a tensor.
 */
export async function flatEntriesOf(checkpoint: Checkpoint): Promise<FlatEntries> {
  const objects = checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  await checkpoint.loadObjects(objects);
  const inside: { entry: TensorEntry; tensor: StridedTensor }[] = [];
  const entries = checkpoint.entries.flatMap((entry): Entry[] => {
    if (entry.kind === 'tensor') return [entry];
    return [...leavesOf(entry.value!, value => tensorFormOf(value).kind !== 'none')].map(leaf => {
      const tensor = stridedTensorOf(leaf.value);
      if (leaf.path.length === 0 && tensor === undefined) return entry;
      const path = [...entry.path, ...leaf.path];
      const fqn = leaf.path.length === 0 ? entry.fqn : path.join('.');
      if (tensor === undefined) {
        const object = new ObjectEntry(fqn, path);
        object.value = leaf.value;
        return object;
      }
      const made = new TensorEntry(fqn, path, tensor.dtype, tensor.size);
      made.requiresGrad = tensor.requiresGrad;
      inside.push({ entry: made, tensor });
      return made;
    });
  });
  const source = tensorSourceOf(checkpoint, inside);
  const made = new Set(inside.map(({ entry }) => entry));
  return { entries, sourceOf: entry => (made.has(entry) ? source : checkpoint) };
}

/**
 * Of two checkpoints, lists that only one of them stores as one object are taken apart in that one. A list is stored in
 * parts where something in it is a tensor or a mapping; an empty mapping, or what was left out of the checkpoint, leaves
 * no entry but a gap, which torch's own converter fills with None. So does this: None where the other has a gap is none.
 *
 * @param rename the name that an entry of `a` has in `b`.
 */
export function alignLists(
  a: readonly Entry[],
  b: readonly Entry[],
  rename: (fqn: string) => string,
): { a: Entry[]; b: Entry[] } {
  const [namesA, namesB] = [placesOf(a.map(({ fqn }) => rename(fqn))), placesOf(b.map(({ fqn }) => fqn))];
  return {
    a: a.flatMap(entry => partsOf(entry, namesB, rename)),
    b: b.flatMap(entry => partsOf(entry, namesA, fqn => fqn)),
  };
}

/** Names of entries, and of all that they are in, with the highest list position there; −1 where there is none. */
interface Places {
  entries: ReadonlySet<string>;
  above: ReadonlyMap<string, number>;
}

function placesOf(fqns: readonly string[]): Places {
  const above = new Map<string, number>();
  for (const fqn of fqns) {
    let end = fqn.length;
    for (let dot = fqn.lastIndexOf('.'); dot > 0; dot = fqn.lastIndexOf('.', dot - 1)) {
      const outer = fqn.slice(0, dot);
      const step = fqn.slice(dot + 1, end);
      const highest = above.get(outer);
      above.set(outer, Math.max(highest ?? -1, /^\d{1,9}$/.test(step) ? Number(step) : -1));
      // What is around a place that was met before was met with it.
      if (highest !== undefined) break;
      end = dot;
    }
  }
  return { entries: new Set(fqns), above };
}

function partsOf(entry: Entry, other: Places, rename: (fqn: string) => string): Entry[] {
  const name = rename(entry.fqn);
  if (entry.kind === 'tensor' || other.entries.has(name)) return [entry];
  if (!other.above.has(name)) return entry.value === null && isGap(entry, other, rename) ? [] : [entry];
  if (!(entry.value instanceof PyList)) return [entry];
  return entry.value.items.flatMap((item, i) => {
    const part = new ObjectEntry(`${entry.fqn}.${i}`, [...entry.path, i]);
    part.value = item;
    return partsOf(part, other, rename);
  });
}

/** Whether the other has entries of the same list behind this position. */
function isGap({ fqn, path }: Entry, other: Places, rename: (fqn: string) => string): boolean {
  const position = path.at(-1);
  if (typeof position !== 'number') return false;
  return (other.above.get(rename(fqn.slice(0, fqn.lastIndexOf('.')))) ?? -1) > position;
}
