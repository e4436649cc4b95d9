import { elementCountOf } from '../../checkpoint/box.js';
import { type Checkpoint, type Entry, type ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import { FormatError, UsageError } from '../../errors.js';
import type { StateDictLeaf } from '../state-dict/leaves.js';
import { bytesOf, dtypeOfArray, isTensorLike, Tensor } from '../state-dict/tensor.js';
import type { TensorRead } from './read-tensors.js';

/** What is to be loaded: tensors into memory that is there, objects in place of what is there. */
export interface Matched {
  tensors: TensorRead[];
  objects: { leaf: StateDictLeaf; entry: ObjectEntry }[];
  /** Keys of the state dict that the checkpoint does not have. */
  missing: string[];
}

/** A checkpoint's entries by the keys that torch gives them. A key of two entries is known to be one. */
export class EntriesByKey {
  private readonly entries = new Map<string, Entry>();
  private readonly doubled = new Set<string>();

  constructor(private readonly checkpoint: Checkpoint) {
    for (const entry of checkpoint.entries) {
      // Of a torch file the path, because an FQN that is there twice has been told apart.
      const key = checkpoint.format === 'dcp' ? entry.fqn : entry.path.join('.');
      if (this.entries.has(key)) this.doubled.add(key);
      else this.entries.set(key, entry);
    }
  }

  get keys(): Iterable<string> {
    return this.entries.keys();
  }

  has(key: string): boolean {
    return this.entries.has(key);
  }

  /** @throws FormatError where two values of the checkpoint have this key once their paths are written with dots. */
  get(key: string): Entry | undefined {
    if (this.doubled.has(key)) {
      throw new FormatError('Two values of the checkpoint have this key', {
        fqn: key,
        path: this.checkpoint.path,
        hint: 'They differ in where a key ends: load them by their entries.',
      });
    }
    return this.entries.get(key);
  }
}

/**
 * Finds for every leaf of a state dict what to load into it, as torch's load planner does
 * (`create_default_local_load_plan` in `torch/distributed/checkpoint/default_planner.py`).
 * @throws UsageError for keys that the checkpoint lacks (unless `allowPartialLoad`), sizes that differ, and values
 * that cannot take what is stored; naming the value.
 */
export function matchLeaves(
  leaves: readonly StateDictLeaf[],
  entries: EntriesByKey,
  { allowPartialLoad, path }: { allowPartialLoad: boolean; path: string },
): Matched {
  const missing = leaves.filter(({ fqn }) => !entries.has(fqn)).map(({ fqn }) => fqn);
  if (missing.length > 0 && !allowPartialLoad) throw missingKeys(missing, entries, path);
  const matched: Matched = { tensors: [], objects: [], missing };
  for (const leaf of leaves) {
    const entry = entries.get(leaf.fqn);
    if (entry === undefined) continue;
    if (entry instanceof TensorEntry) matched.tensors.push(tensorRead(leaf, entry));
    else matched.objects.push({ leaf, entry });
  }
  return matched;
}

function tensorRead({ fqn, value }: StateDictLeaf, entry: TensorEntry): TensorRead {
  const dtype = dtypeOfArray(value);
  if (dtype !== undefined) {
    const array = value as Float32Array;
    // A bare array has no shape: it takes any tensor of as many elements.
    const tensor =
      entry.shape.length === 1 || array.length !== elementCountOf(entry.shape) ? [array.length] : entry.shape;
    requireSize(fqn, entry.shape, tensor);
    return {
      entry,
      dtype,
      target: bytesOf(array),
      shard: new Tensor({ dtype, shape: tensor, data: array }).shard,
    };
  }
  if (value instanceof Tensor) {
    requireSize(fqn, entry.shape, value.shape);
    return { entry, dtype: value.dtype, target: value.bytes, shard: value.shard };
  }
  throw new UsageError('The checkpoint holds a tensor here, which this value cannot take', {
    expected: `an array or tensor() of shape [${entry.shape.join(', ')}], ${entry.dtype.name}`,
    found: isTensorLike(value) ? 'a tensor that cannot be written to' : kindOf(value),
    fqn,
    ...(isTensorLike(value)
      ? { hint: 'Load into a tensor() of the same shape and make a new tf.Tensor of its data.' }
      : {}),
  });
}

function requireSize(fqn: string, saved: readonly number[], current: readonly number[]): void {
  if (saved.length === current.length && saved.every((size, d) => size === current[d])) return;
  throw new UsageError('Size mismatch between what is saved and the state dict', {
    expected: `saved [${saved.join(', ')}]`,
    found: `current [${current.join(', ')}]`,
    fqn,
    hint: 'The shape is that of the whole tensor; for the part of one rank use dtensor().',
  });
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list without tensors';
  return typeof value === 'object' ? (value.constructor?.name ?? 'an object') : `a ${typeof value}`;
}

/** So many keys are named in a message. */
const NAMED = 3;

function missingKeys(missing: readonly string[], entries: EntriesByKey, path: string): UsageError {
  const keys = [...entries.keys];
  const more = missing.length - 1;
  const others = more === 0 ? '' : ` and ${more} other${more === 1 ? '' : 's'}`;
  return new UsageError(`Missing key in checkpoint state_dict: ${missing[0]}${others}`, {
    found: `${keys.length} keys: ${keys.slice(0, NAMED).join(', ')}${keys.length > NAMED ? ', …' : ''}`,
    path,
    hint: savedUnder(missing, keys) ?? 'allowPartialLoad leaves what the checkpoint lacks as it is.',
  });
}

/** Where all missing keys are there but for what stands before them: what to do. */
function savedUnder(missing: readonly string[], keys: readonly string[]): string | undefined {
  const first = missing[0]!;
  const known = new Set(keys);
  for (const key of keys) {
    if (!key.endsWith(`.${first}`)) continue;
    const prefix = key.slice(0, key.length - first.length - 1);
    if (missing.every(name => known.has(`${prefix}.${name}`))) {
      const nested = prefix.split('.').reduceRight((inner, name) => `{ ${name}: ${inner} }`, 'stateDict');
      return `The checkpoint was saved under "${prefix}": load ${nested}.`;
    }
  }
  for (let dot = first.indexOf('.'); dot >= 0; dot = first.indexOf('.', dot + 1)) {
    const prefix = first.slice(0, dot + 1);
    if (missing.every(name => name.startsWith(prefix) && known.has(name.slice(prefix.length)))) {
      return `The checkpoint was saved without "${prefix.slice(0, -1)}": load what is inside it.`;
    }
  }
  return undefined;
}
