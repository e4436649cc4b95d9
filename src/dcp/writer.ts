import { createHash } from 'node:crypto';
import { elementCountOf, strideOfCopy } from '../checkpoint/box.js';
import type { Checkpoint, Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { TensorGatherer } from '../checkpoint/gather.js';
import { type CopyPlan, CopyPlanBuilder } from '../copy/plan.js';
import { FormatError, UnsupportedError } from '../errors.js';
import { addTorchArchive } from '../torch/archive-plan.js';
import { type TensorView, TorchPickler } from '../torch/pickler.js';
import { tensorFormOf } from '../torch/tensors.js';
import { plannedStorage } from '../torch/writer.js';
import { METADATA_NAME } from './directory.js';
import { encodeMetadata, type WrittenItem } from './metadata-writer.js';

/** The one data file of a save by one process. */
const DATA_NAME = '__0_0.distcp';
/** The top-level directory of an archive that torch saves to a stream. */
const ITEM_ROOT = 'archive';
const NO_SAVE_ID = '00000000-0000-0000-0000-000000000000';

/**
 * Plans a DCP directory of all entries of a torch file, as torch's own converter writes it: one rank, one data
 * file, objects first, then tensors in the order of the state dict. Entries must be resolved.
 *
 * @throws UnsupportedError, FormatError naming the entry, for what DCP cannot hold: a root that is not a mapping,
 * keys that become equal as text, tensors that are not strided.
 */
export function planDcpSave(checkpoint: Checkpoint, options: { withCrc: boolean }): CopyPlan {
  const { entries } = checkpoint;
  requireDistinctKeys(entries);
  const plan = new CopyPlanBuilder();
  const gatherer = new TensorGatherer(checkpoint, plan);
  const data = plan.addOutput({ name: DATA_NAME, byteLength: 0 });
  const items = new Map<Entry, WrittenItem>();
  let byteOffset = 0;

  const addItem = (entry: Entry, byteLength: number): void => {
    const { fqn, path } = entry;
    const item: WrittenItem = { fqn, path, relativePath: DATA_NAME, byteOffset, byteLength };
    if (entry.kind === 'tensor') item.tensor = entry;
    items.set(entry, item);
    byteOffset += byteLength;
  };
  for (const entry of entries) {
    if (entry.kind === 'object')
      addItem(entry, addObjectItem(plan, data, byteOffset, gatherer, entry, options));
  }
  for (const entry of entries) {
    if (entry.kind === 'tensor') {
      addItem(entry, addTensorItem(plan, data, byteOffset, gatherer, checkpoint, entry, options));
    }
  }
  plan.setOutputByteLength(data, byteOffset);
  addMetadata(
    plan,
    entries.map(entry => items.get(entry)!),
    [...items.values()],
  );
  return plan.build();
}

function requireDistinctKeys(entries: readonly Entry[]): void {
  const seen = new Map<string, Entry>();
  for (const entry of entries) {
    if (entry.path.length === 0) {
      throw new UnsupportedError(
        'A DCP checkpoint needs names: the file holds one value that is not a mapping',
        {
          expected: 'a dict at the top',
          found: entry.kind === 'tensor' ? 'a tensor' : 'an object',
          hint: 'Save {"model": value} instead.',
        },
      );
    }
    if (typeof entry.path[0] === 'number') {
      throw new UnsupportedError('A DCP checkpoint needs names: the file holds a list', {
        expected: 'a dict at the top',
        hint: 'Save {"model": value} instead.',
      });
    }
    const key = entry.path.join('.');
    if (seen.has(key)) {
      throw new FormatError(
        'Two values of the state dict have the same key once their path is written with dots',
        {
          fqn: key,
          hint: 'DCP names a value by its flattened key; rename one of them.',
        },
      );
    }
    seen.set(key, entry);
  }
}

function addObjectItem(
  plan: CopyPlanBuilder,
  output: number,
  byteOffset: number,
  gatherer: TensorGatherer,
  entry: ObjectEntry,
  { withCrc }: { withCrc: boolean },
): number {
  const form = tensorFormOf(entry.value!);
  if (form.kind === 'other') {
    throw new UnsupportedError(`DCP cannot hold this value as a tensor of its own: ${form.what}`, {
      fqn: entry.fqn,
      hint: 'Leave it out, or store it inside a tuple: torch then saves it as an object.',
    });
  }
  const pickler = new TorchPickler(entry.fqn);
  const pickle = pickler.encode(entry);
  const storages = pickler.storages.map(storage => plannedStorage(gatherer, storage));
  return addTorchArchive(plan, output, byteOffset, { root: ITEM_ROOT, pickle, storages, withCrc });
}

/**
 * The item of a tensor is what torch saves: the storage as it is if the tensor has as many elements, otherwise
 * a copy that keeps the order of the strides.
 */
function addTensorItem(
  plan: CopyPlanBuilder,
  output: number,
  byteOffset: number,
  gatherer: TensorGatherer,
  checkpoint: Checkpoint,
  entry: TensorEntry,
  { withCrc }: { withCrc: boolean },
): number {
  const { chunks, storages } = checkpoint;
  const chunk = entry.firstChunk;
  const storage = chunks.storage[chunk]!;
  const byteLength = elementCountOf(entry.shape) * entry.dtype.itemSize;
  const isWholeStorage = storages.at(storage).byteLength === byteLength;
  const stride = chunks.strideOf(chunk);
  const view: TensorView = isWholeStorage
    ? { storageOffset: chunks.storageOffset[chunk]!, stride, flags: chunks.viewFlags[chunk]! }
    : { storageOffset: 0, stride: strideOfCopy(entry.shape, stride), flags: 0 };
  const pickle = new TorchPickler(entry.fqn, () => view).encode(entry);
  const addPieces = (): void => {
    if (isWholeStorage) gatherer.addStorage(storage, entry.dtype, byteLength, entry.fqn);
    else gatherer.addTensor(entry, view.stride);
  };
  return addTorchArchive(plan, output, byteOffset, {
    root: ITEM_ROOT,
    pickle,
    storages: [{ byteLength, addPieces }],
    withCrc,
  });
}

/** `.metadata` is known but for its save id, which is made from the content and so waits for the CRCs. */
function addMetadata(
  plan: CopyPlanBuilder,
  planned: readonly WrittenItem[],
  written: readonly WrittenItem[],
): void {
  const withoutId = encodeMetadata(planned, written, NO_SAVE_ID);
  const output = plan.addOutput({ name: METADATA_NAME, byteLength: withoutId.length });
  const { literals } = plan;
  const recordCount = plan.recordCount;
  plan.addDeferred({
    output,
    byteOffset: 0,
    byteLength: withoutId.length,
    encode: crcOfRecord => {
      const hash = createHash('sha256').update(withoutId);
      for (const { bytes } of literals) hash.update(bytes);
      hash.update(Uint32Array.from({ length: recordCount }, (_, record) => crcOfRecord(record)));
      return encodeMetadata(planned, written, uuidOf(hash.digest('hex')));
    },
  });
}

/** 32 hexadecimal digits in the form of a UUID of version 8, the one for ids made by rules of one's own. */
function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
