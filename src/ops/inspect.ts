import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import type { DTypeInfo } from '../dtype.js';
import { UsageError } from '../errors.js';
import {
  type Completeness,
  completenessOf,
  type InspectedFile,
  inspectFiles,
  missingRanksOf,
} from './completeness.js';
import { type EntryOrder, sortRows } from './entry-order.js';
import { isBelow, nothingOfThisName } from './find-entry.js';
import { byteLengthOf, EntryInspector, type InspectedEntry } from './inspect-entries.js';
import { descendedWarning } from './locate.js';
import type { ObjectDetail } from './object-text.js';
import { openCheckpoint } from './open.js';
import { type LayoutReport, RankBoxes } from './rank-boxes.js';
import { type NamedGlobal, namedGlobals } from './safety.js';
import type { MeshLayout } from './sharding.js';
import {
  type FileShare,
  fileShares,
  type PartShare,
  partShares,
  type RankShare,
  rankShares,
} from './shares.js';
import { wantedKeys } from './wanted-keys.js';
import { reshapedWarning, tornWarning, type Warning } from './warnings.js';

export interface InspectOptions {
  /** Only the entry of this name, with its chunks; or what is below it: `model.layers.0`. */
  fqn?: string;
  /** Of the tensors that are told with their chunks only the chunks that hold some of this: `5000` is a row. */
  slice?: string;
  /** Only entries whose FQN matches one of these globs (`*` any text, `?` one character). */
  keys?: readonly string[];
  /** List every chunk: its box, file, byte offset and length. */
  chunks?: boolean;
  /** Show the values of objects as lines of Python: a screen's worth of each, or all. */
  objects?: ObjectDetail;
  /** The order of the entries; that of the checkpoint unless told otherwise. */
  sort?: EntryOrder;
  /** Tell what each rank of this layout holds of each tensor, and reads for it. */
  layout?: MeshLayout;
}

export type { Completeness, InspectedFile } from './completeness.js';
export type { InspectedChunk, InspectedEntry } from './inspect-entries.js';

export interface InspectReport {
  schema: 1;
  path: string;
  format: Checkpoint['format'];
  completeness: Completeness;
  /** Null for safetensors. */
  torchEra: string | null;
  /** `Metadata.version`, where present. */
  version?: string;
  tensors: number;
  /** Elements of all tensors. */
  parameters: number;
  /** Bytes of all tensors; shared storage counts as often as it is used. */
  byteLength: number;
  dtypes: { dtype: string; tensors: number; parameters: number; byteLength: number }[];
  objects: number;
  /** The same for the model, the optimizer and the rest. */
  parts: PartShare[];
  chunks: number;
  /** Ranks that wrote data files, by their names. */
  ranks: number;
  /** What each of these wrote. */
  rankShares: RankShare[];
  /** Ranks that saved an index of their own (`__R.metadata`), where it is not at hand. */
  missingRanks?: number[];
  files: (InspectedFile & FileShare)[];
  globals: NamedGlobal[];
  /** Whether `torch.load(weights_only=True)` accepts what the pickles name; null where they are not at hand. */
  loadsWithWeightsOnly: boolean | null;
  warnings: Warning[];
  /** Only where a layout was asked for: what its ranks hold of the entries. */
  layout?: LayoutReport;
  entries: InspectedEntry[];
}

/**
 * Tells what is in a checkpoint from its indexes and its Python objects; no tensor byte is read.
 * @throws as opening does.
 */
export async function inspectCheckpoint(path: string, options: InspectOptions = {}): Promise<InspectReport> {
  const checkpoint = await openCheckpoint(path);
  try {
    return (await inspectOpen(path, checkpoint, options)).report;
  } finally {
    checkpoint.close();
  }
}

/**
 * The same of a checkpoint that is open, and the entries that the report has rows of, in their order.
 * @param path as it was given.
 */
export async function inspectOpen(
  path: string,
  checkpoint: Checkpoint,
  options: InspectOptions,
): Promise<{ report: InspectReport; entries: readonly Entry[] }> {
  const { entries } = checkpoint;
  const tensors = entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
  const objects = entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  const shares = fileShares(checkpoint);
  // Before objects are loaded: what is inflated for them is a file too.
  const files = inspectFiles(checkpoint).map((file, i) => ({ ...file, ...shares[i]! }));
  const ranks = rankShares(checkpoint, shares);
  const missingRanks = missingRanksOf(checkpoint);
  const completeness = completenessOf(checkpoint);
  if (completeness === 'complete') await checkpoint.loadObjects(objects);
  const globals = namedGlobals(checkpoint);
  const wanted = wantedEntries(checkpoint, options);
  const rankBoxes = options.layout && new RankBoxes(checkpoint, options.layout);
  const rows = inspectEntries(checkpoint, wanted, options, rankBoxes);
  const report: InspectReport = {
    schema: 1,
    path: checkpoint.path,
    format: checkpoint.format,
    completeness,
    torchEra: checkpoint.provenance.torchEra ?? null,
    ...(checkpoint.provenance.metadataVersion === undefined
      ? {}
      : { version: checkpoint.provenance.metadataVersion }),
    tensors: tensors.length,
    parameters: sum(tensors, tensor => elementCountOf(tensor.shape)),
    byteLength: sum(tensors, byteLengthOf),
    dtypes: dtypeRows(tensors),
    objects: objects.length,
    parts: partShares(entries),
    chunks: checkpoint.format === 'dcp' ? sum(tensors, tensor => tensor.chunkCount) : tensors.length,
    ranks: checkpoint.format === 'dcp' ? ranks.length : 1,
    rankShares: ranks,
    ...(missingRanks.length === 0 ? {} : { missingRanks }),
    files,
    globals,
    loadsWithWeightsOnly:
      completeness === 'complete' ? globals.length === 0 && isProtocolOfWeightsOnly(checkpoint) : null,
    warnings: [
      ...descendedWarning(path, checkpoint.path),
      ...(checkpoint instanceof DcpCheckpoint
        ? [...tornWarning(checkpoint, false), ...reshapedWarning(checkpoint)]
        : []),
    ],
    ...(rankBoxes === undefined ? {} : { layout: rankBoxes.report() }),
    entries: rows.map(({ row }) => row),
  };
  return { report, entries: rows.map(({ entry }) => entry) };
}

/** The restricted unpickler of torch knows the opcodes of protocols 2 and 3. */
function isProtocolOfWeightsOnly({ provenance }: Checkpoint): boolean {
  return [2, 3].includes(provenance.pickleProtocol ?? 2);
}

interface Wanted {
  entries: readonly Entry[];
  /** Whether it is one entry that was asked for by its name. */
  isOne: boolean;
}

/** @throws UsageError with a suggestion where nothing has the name. */
function wantedEntries({ entries, path }: Checkpoint, { fqn, keys }: InspectOptions): Wanted {
  const names = entries.map(entry => entry.fqn);
  const isWanted = wantedKeys(keys, names);
  const wanted = entries.filter(entry => isWanted(entry.fqn));
  if (fqn === undefined) return { entries: wanted, isOne: false };
  const named = wanted.filter(entry => entry.fqn === fqn);
  if (named.length > 0) return { entries: named, isOne: true };
  const below = wanted.filter(entry => isBelow(fqn, entry.fqn));
  if (below.length > 0) return { entries: below, isOne: false };
  throw nothingOfThisName(path, fqn, names);
}

/** @throws UsageError where a slice was asked for of what is no tensor, or where it is none of the tensor. */
function inspectEntries(
  checkpoint: Checkpoint,
  { entries, isOne }: Wanted,
  { chunks = false, slice, objects, sort }: InspectOptions,
  rankBoxes: RankBoxes | undefined,
): { row: InspectedEntry; entry: Entry }[] {
  if (slice !== undefined && !(isOne && entries[0]!.kind === 'tensor')) {
    throw new UsageError('A slice is of one tensor', {
      expected: 'the name of a tensor',
      path: checkpoint.path,
    });
  }
  const inspector = new EntryInspector(checkpoint, {
    chunks: chunks || isOne,
    slice,
    objects: objects ?? (isOne ? 'whole' : undefined),
    rankBoxes,
  });
  const rows = entries.map(entry => ({ entry, row: inspector.inspect(entry) }));
  if (sort === undefined) return rows;
  return sortRows(rows, sort, ({ row: { fqn, byteLength, dtype } }) => ({ name: fqn, byteLength, dtype }));
}

/** One row a type, the one with most bytes first. */
function dtypeRows(tensors: readonly TensorEntry[]): InspectReport['dtypes'] {
  const byType = new Map<DTypeInfo, TensorEntry[]>();
  for (const tensor of tensors) {
    const known = byType.get(tensor.dtype);
    if (known === undefined) byType.set(tensor.dtype, [tensor]);
    else known.push(tensor);
  }
  return [...byType]
    .map(([dtype, group]) => ({
      dtype: dtype.name,
      tensors: group.length,
      parameters: sum(group, tensor => elementCountOf(tensor.shape)),
      byteLength: sum(group, byteLengthOf),
    }))
    .sort((a, b) => b.byteLength - a.byteLength || (a.dtype < b.dtype ? -1 : 1));
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
