import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, Entry, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { rankOfFile } from '../dcp/entries.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import type { DTypeInfo } from '../dtype.js';
import { toPythonLiteral } from '../pickle/literal.js';
import {
  type Completeness,
  completenessOf,
  type InspectedFile,
  inspectFiles,
  missingRanksOf,
} from './completeness.js';
import { globMatcher } from './glob.js';
import { descendedWarning } from './locate.js';
import { openCheckpoint } from './open.js';
import { type LayoutReport, type RankBox, RankBoxes } from './rank-boxes.js';
import { type NamedGlobal, namedGlobals } from './safety.js';
import type { MeshLayout } from './sharding.js';
import { reshapedWarning, tornWarning, type Warning } from './warnings.js';

export interface InspectOptions {
  /** Only entries whose FQN matches one of these globs (`*` any text, `?` one character). */
  keys?: readonly string[];
  /** List every chunk: its box, file, byte offset and length. */
  chunks?: boolean;
  /** Tell what each rank of this layout holds of each tensor, and reads for it. */
  layout?: MeshLayout;
}

export type { Completeness, InspectedFile } from './completeness.js';

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
  chunks: number;
  /** Ranks that wrote data files, by their names. */
  ranks: number;
  /** Ranks that saved an index of their own (`__R.metadata`), where it is not at hand. */
  missingRanks?: number[];
  files: InspectedFile[];
  globals: NamedGlobal[];
  /** Whether `torch.load(weights_only=True)` accepts what the pickles name; null where they are not at hand. */
  loadsWithWeightsOnly: boolean | null;
  warnings: Warning[];
  /** Only where a layout was asked for: what its ranks hold of the entries. */
  layout?: LayoutReport;
  entries: InspectedEntry[];
}

export interface InspectedEntry {
  fqn: string;
  path: (string | number)[];
  kind: 'tensor' | 'object';
  dtype?: string;
  /** How tables print the type. */
  dtypeShort?: string;
  size?: number[];
  /** Bytes of the tensor; of the stored item for an object (0 where it has none of its own). */
  byteLength: number;
  requiresGrad?: boolean;
  chunkCount?: number;
  chunks?: InspectedChunk[];
  /** What each rank of the layout asked for holds of it. */
  ranks?: RankBox[];
  /** Python literal of a small object, where it is at hand. */
  value?: string;
}

export interface InspectedChunk {
  offsets: number[];
  sizes: number[];
  relativePath: string;
  /** Bytes of the stored item in its file. */
  offset: number;
  length: number;
}

const MAX_LITERAL_LENGTH = 60;

/**
 * Tells what is in a checkpoint from its indexes and its Python objects; no tensor byte is read.
 * @throws as opening does.
 */
export async function inspectCheckpoint(path: string, options: InspectOptions = {}): Promise<InspectReport> {
  const checkpoint = await openCheckpoint(path);
  try {
    const result = await report(checkpoint, options);
    return { ...result, warnings: [...descendedWarning(path, checkpoint.path), ...result.warnings] };
  } finally {
    checkpoint.close();
  }
}

async function report(checkpoint: Checkpoint, options: InspectOptions): Promise<InspectReport> {
  const { entries } = checkpoint;
  const tensors = entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
  const objects = entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  const files = inspectFiles(checkpoint);
  const missingRanks = missingRanksOf(checkpoint);
  const completeness = completenessOf(checkpoint);
  if (completeness === 'complete') await checkpoint.loadObjects(objects);
  const globals = namedGlobals(checkpoint);
  const isWanted = options.keys === undefined ? () => true : globMatcher(options.keys);
  const ranks = new Set(checkpoint.files.map(rankOfFile).filter(rank => rank !== undefined));
  const rankBoxes = options.layout && new RankBoxes(checkpoint, options.layout);
  const inspected = entries
    .filter(entry => isWanted(entry.fqn))
    .map(entry => inspectEntry(checkpoint, entry, options.chunks ?? false, rankBoxes));
  return {
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
    chunks: checkpoint.format === 'dcp' ? sum(tensors, tensor => tensor.chunkCount) : tensors.length,
    ranks: checkpoint.format === 'dcp' ? ranks.size : 1,
    ...(missingRanks.length === 0 ? {} : { missingRanks }),
    files,
    globals,
    loadsWithWeightsOnly:
      completeness === 'complete' ? globals.length === 0 && isProtocolOfWeightsOnly(checkpoint) : null,
    warnings:
      checkpoint instanceof DcpCheckpoint
        ? [...tornWarning(checkpoint, false), ...reshapedWarning(checkpoint)]
        : [],
    ...(rankBoxes === undefined ? {} : { layout: rankBoxes.report() }),
    entries: inspected,
  };
}

/** The restricted unpickler of torch knows the opcodes of protocols 2 and 3. */
function isProtocolOfWeightsOnly({ provenance }: Checkpoint): boolean {
  return [2, 3].includes(provenance.pickleProtocol ?? 2);
}

function inspectEntry(
  checkpoint: Checkpoint,
  entry: Entry,
  withChunks: boolean,
  rankBoxes: RankBoxes | undefined,
): InspectedEntry {
  const { fqn } = entry;
  const path = [...entry.path];
  if (entry.kind === 'object') {
    const value =
      entry.value === undefined
        ? {}
        : { value: toPythonLiteral(entry.value, { maxLength: MAX_LITERAL_LENGTH }) };
    return { fqn, path, kind: 'object', byteLength: entry.byteLength, ...value };
  }
  const { dtype, shape, requiresGrad, chunkCount, firstChunk } = entry;
  return {
    fqn,
    path,
    kind: 'tensor',
    dtype: dtype.name,
    dtypeShort: dtype.short,
    size: [...shape],
    byteLength: byteLengthOf(entry),
    requiresGrad,
    chunkCount,
    ...(withChunks
      ? { chunks: Array.from({ length: chunkCount }, (_, i) => inspectChunk(checkpoint, firstChunk + i)) }
      : {}),
    ...(rankBoxes === undefined ? {} : { ranks: rankBoxes.add(entry) }),
  };
}

function inspectChunk(checkpoint: Checkpoint, chunk: number): InspectedChunk {
  const { chunks, files } = checkpoint;
  const { offsets, sizes } = chunks.boxOf(chunk);
  return {
    offsets: [...offsets],
    sizes: [...sizes],
    relativePath: files[chunks.itemFile[chunk]!]?.name ?? '',
    offset: chunks.itemByteOffset[chunk]!,
    length: chunks.itemByteLength[chunk]!,
  };
}

function byteLengthOf(entry: TensorEntry): number {
  return elementCountOf(entry.shape) * entry.dtype.itemSize;
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
