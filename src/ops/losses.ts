import { isRowMajor, strideOfCopy } from '../checkpoint/box.js';
import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import { isMapping, keyText, mappingEntries } from '../checkpoint/flatten.js';
import { PyDict } from '../pickle/dict.js';
import { PyGlobal, PyList, PyObject, type PyValue, textOf } from '../pickle/values.js';

export type LossKind =
  | 'shared_storage'
  | 'tensor_type'
  | 'mapping_type'
  | 'key_type'
  | 'empty_mapping'
  | 'strides'
  | 'requires_grad'
  | 'device'
  | 'list_gap';

/** Something that a conversion could not keep: how often, where first, and why. */
export interface Loss {
  kind: LossKind;
  count: number;
  /** FQN of the first place. */
  first: string;
  reason: string;
}

const REASONS: Record<LossKind, string> = {
  shared_storage:
    'DCP stores each tensor on its own: tensors that shared memory (tied weights, views) no longer do',
  tensor_type: 'DCP stores plain tensors: Parameter and attributes of tensors are gone',
  mapping_type:
    'DCP stores plain dicts: OrderedDict, defaultdict and others become dict, with their attributes gone',
  key_type:
    'DCP keys are text: an int key 0 becomes the text "0" (--restore-int-keys brings those of optimizers back)',
  empty_mapping: 'DCP names values: a mapping without any vanishes',
  strides: 'the tensor is written in another memory order; its values are the same',
  requires_grad: 'only the index of DCP says requires_grad; torch does not restore it either',
  device: 'the tensor was on another device; it is written as a CPU tensor',
  list_gap: 'DCP does not store the empty mapping that stood here; the list has None in its place',
};

/** Collects losses, one row a kind, in the order of REASONS. */
class Losses {
  private readonly found = new Map<LossKind, Loss>();

  add(kind: LossKind, path: string): void {
    const loss = this.found.get(kind);
    if (loss === undefined) this.found.set(kind, { kind, count: 1, first: path, reason: REASONS[kind] });
    else loss.count++;
  }

  list(): Loss[] {
    return (Object.keys(REASONS) as LossKind[]).flatMap(kind => this.found.get(kind) ?? []);
  }
}

function tensorsOf(checkpoint: Checkpoint): TensorEntry[] {
  return checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
}

/** What `dcp_to_torch` cannot keep. Tensors must be resolved. */
export function lossesOfTorchSave(checkpoint: Checkpoint): Loss[] {
  const losses = new Losses();
  const { chunks } = checkpoint;
  for (const entry of tensorsOf(checkpoint)) {
    if (entry.requiresGrad) losses.add('requires_grad', entry.fqn);
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      const { sizes } = chunks.boxOf(chunk);
      if (sizes.includes(0)) continue;
      if (!isRowMajor(sizes, chunks.strideOf(chunk))) {
        losses.add('strides', entry.fqn);
        break;
      }
    }
  }
  const visit = (value: PyValue, path: string): void => {
    if (value instanceof PyDict) {
      for (const [key, item] of value.entries()) visit(item, join(path, textOf(key) ?? ''));
    } else if (value instanceof PyList) {
      for (const [index, item] of value.items.entries()) {
        // Loaded objects are entries, so a bare None is a place that nothing was stored for.
        if (item === null) losses.add('list_gap', join(path, String(index)));
        else visit(item, join(path, String(index)));
      }
    }
  };
  visit(checkpoint.tree, '');
  return losses.list();
}

/** What `torch_to_dcp` cannot keep. Tensors must be resolved. */
export function lossesOfDcpSave(checkpoint: Checkpoint): Loss[] {
  const losses = new Losses();
  const { chunks } = checkpoint;
  const storages = new Set<number>();
  for (const entry of tensorsOf(checkpoint)) {
    const stride = chunks.strideOf(entry.firstChunk);
    const copied = strideOfCopy(entry.shape, stride);
    if (entry.storage !== undefined && !entry.shape.includes(0)) {
      if (storages.has(entry.storage)) losses.add('shared_storage', entry.fqn);
      storages.add(entry.storage);
    }
    if (entry.typeName !== undefined) losses.add('tensor_type', entry.fqn);
    if (entry.location !== 'cpu') losses.add('device', entry.fqn);
    if (copied.some((step, d) => step !== stride[d] && entry.shape[d]! > 1)) losses.add('strides', entry.fqn);
  }
  const visit = (value: PyValue, path: string): void => {
    if (isMapping(value)) {
      const items = mappingEntries(value);
      if (
        value instanceof PyObject &&
        !(value.callable instanceof PyGlobal && value.callable.path === 'builtins.dict')
      ) {
        losses.add('mapping_type', path === '' ? '(root)' : path);
      }
      if (items.length === 0 && path !== '') losses.add('empty_mapping', path);
      for (const [key, item] of items) {
        const itemPath = join(path, keyText(key));
        if (textOf(key) === undefined) losses.add('key_type', itemPath);
        visit(item, itemPath);
      }
    } else if (value instanceof PyList) {
      for (const [index, item] of value.items.entries()) visit(item, join(path, String(index)));
    }
  };
  visit(checkpoint.tree, '');
  return losses.list();
}

function join(path: string, step: string): string {
  return path === '' ? step : `${path}.${step}`;
}
