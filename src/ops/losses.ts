import { isRowMajor, strideOfCopy } from '../checkpoint/box.js';
import {
  type Checkpoint,
  type CheckpointFormat,
  castOf,
  type Entry,
  type TensorEntry,
} from '../checkpoint/checkpoint.js';
import { isMapping, keyText, mappingEntries } from '../checkpoint/flatten.js';
import type { RecordCast } from '../copy/plan.js';
import { PyDict } from '../pickle/dict.js';
import { PyGlobal, PyList, PyObject, type PyValue, textOf } from '../pickle/values.js';
import { StoredViews } from '../torch/stored-views.js';

export type LossKind =
  | 'object'
  | 'element_type'
  | 'cast'
  | 'tied'
  | 'shared_storage'
  | 'tensor_type'
  | 'nesting'
  | 'mapping_type'
  | 'key_type'
  | 'empty_mapping'
  | 'strides'
  | 'requires_grad'
  | 'device'
  | 'list_gap'
  | 'header_text'
  | 'dropped'
  | 'unnamed';

/** Something that a conversion could not keep: how often, where first, and why. */
export interface Loss {
  kind: LossKind;
  count: number;
  /** FQN of the first place. */
  first: string;
  reason: string;
}

const NAMES: Record<CheckpointFormat, string> = {
  dcp: 'DCP',
  torch: 'torch.save',
  safetensors: 'safetensors',
};

/** Why, by what the target is. The order is that of a result. */
const REASONS: Record<LossKind, (target: CheckpointFormat) => string> = {
  object: () =>
    'safetensors holds plain tensors only: other values are left out of a single file; a directory has them in state.pth',
  element_type: () =>
    'safetensors has no such element type: a single file is without the tensor, a directory has it in state.pth',
  cast: () => 'the element type was converted to a shorter one, as asked: values are rounded',
  tied: () =>
    'safetensors stores a tensor once: of tied weights the first is there, and the header names the others',
  shared_storage: target =>
    `${NAMES[target]} stores each tensor on its own: tensors that shared memory (tied weights, views) no longer do`,
  tensor_type: target =>
    `${NAMES[target]} stores plain tensors: Parameter and attributes of tensors are gone`,
  nesting: () => 'safetensors names tensors by text: the dicts and lists around them become names with dots',
  mapping_type: target =>
    `${NAMES[target]} stores plain dicts: OrderedDict, defaultdict and others become dict, with their attributes gone`,
  key_type: target =>
    target === 'dcp'
      ? 'DCP keys are text: an int key 0 becomes the text "0" (--restore-int-keys brings those of optimizers back)'
      : `${NAMES[target]} names are text: an int key 0 becomes the text "0"`,
  empty_mapping: target => `${NAMES[target]} names values: a mapping without any vanishes`,
  strides: () => 'the tensor is written in another memory order; its values are the same',
  requires_grad: target =>
    target === 'safetensors'
      ? 'safetensors does not say requires_grad'
      : 'only the index of DCP says requires_grad; torch does not restore it either',
  device: () => 'the tensor was on another device; it is written as a CPU tensor',
  list_gap: () => 'the list has None where nothing was stored: an empty mapping in DCP, or an entry left out',
  header_text: target =>
    `${NAMES[target]} has no place for the text that a safetensors header holds beside tensors`,
  dropped: () => 'a rule of the map leaves it out',
  unnamed: () => 'the map does not name it, and says that what it does not name is left out',
};

/** Collects losses, one row a kind, in the order of REASONS. */
class Losses {
  private readonly found = new Map<LossKind, Loss>();

  constructor(private readonly target: CheckpointFormat) {}

  add(kind: LossKind, path: string): void {
    const loss = this.found.get(kind);
    if (loss !== undefined) loss.count++;
    else this.found.set(kind, { kind, count: 1, first: path, reason: REASONS[kind](this.target) });
  }

  list(): Loss[] {
    return (Object.keys(REASONS) as LossKind[]).flatMap(kind => this.found.get(kind) ?? []);
  }
}

/** What a map leaves out. `target` is what is written. */
export function lossesOfMap(
  { dropped, unnamed }: { dropped: readonly Entry[]; unnamed: readonly Entry[] },
  target: CheckpointFormat,
): Loss[] {
  const losses = new Losses(target);
  for (const { fqn } of dropped) losses.add('dropped', fqn);
  for (const { fqn } of unnamed) losses.add('unnamed', fqn);
  return losses.list();
}

function tensorsOf(checkpoint: Checkpoint): TensorEntry[] {
  return checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
}

/** What a torch.save file cannot keep. Tensors must be resolved. */
export function lossesOfTorchSave(checkpoint: Checkpoint): Loss[] {
  const losses = new Losses('torch');
  const views = new StoredViews(checkpoint);
  for (const entry of tensorsOf(checkpoint)) {
    const isFromTorch = entry.storage !== undefined;
    addCast(losses, entry);
    if (!isFromTorch && entry.requiresGrad) losses.add('requires_grad', entry.fqn);
    if (isFromTorch && entry.typeName?.endsWith('with attributes') === true) {
      losses.add('tensor_type', entry.fqn);
    }
    if (entry.location !== 'cpu') losses.add('device', entry.fqn);
    if (!views.isKept(entry) && changesStrides(checkpoint, entry, true)) losses.add('strides', entry.fqn);
  }
  addUnsharedViews(losses, tensorsOf(checkpoint), entry => views.isKept(entry));
  addListGaps(losses, checkpoint.tree);
  addHeaderText(losses, checkpoint);
  return losses.list();
}

/** What a DCP directory cannot keep. Tensors must be resolved. */
export function lossesOfDcpSave(checkpoint: Checkpoint): Loss[] {
  const losses = new Losses('dcp');
  const tensors = tensorsOf(checkpoint);
  addUnsharedViews(losses, tensors, () => false);
  for (const entry of tensors) {
    addCast(losses, entry);
    if (entry.typeName !== undefined) losses.add('tensor_type', entry.fqn);
    if (entry.location !== 'cpu') losses.add('device', entry.fqn);
    if (changesStrides(checkpoint, entry, true)) losses.add('strides', entry.fqn);
  }
  addContainers(losses, checkpoint.tree);
  addHeaderText(losses, checkpoint);
  return losses.list();
}

/** What becomes of the entries of a checkpoint that is saved as safetensors. */
export interface SafetensorsFate {
  /** In the files, under their own names. */
  held: readonly TensorEntry[];
  /** Tied tensors that another one stands for. */
  tied: readonly TensorEntry[];
  /** Tensors of types that the format does not have. */
  otherTypes: readonly TensorEntry[];
  /** FQNs of objects that are nowhere in the output. */
  leftOut: readonly string[];
  /** Tensors whose path cannot be told from name and state file. */
  flattened: readonly TensorEntry[];
  /** Whether a state file keeps the containers. */
  keepsContainers: boolean;
}

/** What safetensors cannot keep. Tensors must be resolved. */
export function lossesOfSafetensorsSave(checkpoint: Checkpoint, fate: SafetensorsFate): Loss[] {
  const losses = new Losses('safetensors');
  for (const fqn of fate.leftOut) losses.add('object', fqn);
  for (const { fqn } of fate.otherTypes) losses.add('element_type', fqn);
  for (const { fqn } of fate.tied) losses.add('tied', fqn);
  addUnsharedViews(losses, fate.held, () => false);
  for (const entry of fate.held) {
    addCast(losses, entry);
    if (entry.typeName !== undefined) losses.add('tensor_type', entry.fqn);
    if (entry.requiresGrad) losses.add('requires_grad', entry.fqn);
    if (entry.location !== 'cpu') losses.add('device', entry.fqn);
    if (changesStrides(checkpoint, entry, false)) losses.add('strides', entry.fqn);
  }
  for (const { fqn } of fate.flattened) losses.add('nesting', fqn);
  if (!fate.keepsContainers) addContainers(losses, checkpoint.tree);
  return losses.list();
}

function addCast(losses: Losses, entry: TensorEntry): void {
  const cast = castOf(entry);
  if (cast !== undefined && !isExact(cast)) losses.add('cast', entry.fqn);
}

/** Whether every value of the one floating type is one of the other. */
function isExact({ from, to }: RecordCast): boolean {
  return to.itemSize > from.itemSize;
}

/** Tensors after the first one of a storage, that get one of their own. */
function addUnsharedViews(
  losses: Losses,
  tensors: readonly TensorEntry[],
  isKept: (entry: TensorEntry) => boolean,
): void {
  const storages = new Set<number>();
  for (const entry of tensors) {
    if (entry.storage === undefined || entry.shape.includes(0) || isKept(entry)) continue;
    if (storages.has(entry.storage)) losses.add('shared_storage', entry.fqn);
    storages.add(entry.storage);
  }
}

/** Whether a tensor comes out in another memory order. `keepsDense`: one of a torch file keeps that of a dense tensor. */
function changesStrides({ chunks }: Checkpoint, entry: TensorEntry, keepsDense: boolean): boolean {
  if (entry.isRearranged) return false;
  if (entry.storage !== undefined && keepsDense) {
    const stride = chunks.strideOf(entry.firstChunk);
    const copied = strideOfCopy(entry.shape, stride);
    return copied.some((step, d) => step !== stride[d] && entry.shape[d]! > 1);
  }
  for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
    const { sizes } = chunks.boxOf(chunk);
    if (!sizes.includes(0) && !isRowMajor(sizes, chunks.strideOf(chunk))) return true;
  }
  return false;
}

/** What formats lose that name each value by a text: types of mappings and keys, mappings without values. */
function addContainers(losses: Losses, tree: PyValue): void {
  const visit = (value: PyValue, path: string): void => {
    if (isMapping(value)) {
      const items = mappingEntries(value);
      if (value instanceof PyObject && !isPlainDict(value)) {
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
  visit(tree, '');
}

function isPlainDict(value: PyObject): boolean {
  return value.callable instanceof PyGlobal && value.callable.path === 'builtins.dict';
}

/** Objects are entries, so a bare None is a place that nothing was stored for. */
function addListGaps(losses: Losses, tree: PyValue): void {
  const visit = (value: PyValue, path: string): void => {
    if (value instanceof PyDict) {
      for (const [key, item] of value.entries()) visit(item, join(path, keyText(key)));
    } else if (value instanceof PyList) {
      for (const [index, item] of value.items.entries()) {
        if (item === null) losses.add('list_gap', join(path, String(index)));
        else visit(item, join(path, String(index)));
      }
    }
  };
  visit(tree, '');
}

/** What every file says, and what torch's writer adds for its own reader, is no loss. */
const USUAL_HEADER_TEXT = new Set(['format', 'DCP_VERSION', 'DCP_SHARDING_INFO']);

function addHeaderText(losses: Losses, { metadata }: Checkpoint): void {
  for (const key of metadata?.keys() ?? []) if (!USUAL_HEADER_TEXT.has(key)) losses.add('header_text', key);
}

function join(path: string, step: string): string {
  return path === '' ? step : `${path}.${step}`;
}
