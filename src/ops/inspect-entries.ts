import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, Entry, TensorEntry } from '../checkpoint/checkpoint.js';
import { parseSlice, type Selection } from '../checkpoint/slice.js';
import { rankOfFile } from '../dcp/entries.js';
import { type ObjectDetail, objectLines, objectText } from './object-text.js';
import type { RankBox, RankBoxes } from './rank-boxes.js';

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
  /** With `slice`, those that hold some of it. */
  chunks?: InspectedChunk[];
  /** The slice asked for, in elements. */
  slice?: { offsets: number[]; sizes: number[]; steps: number[] };
  /** What each rank of the layout asked for holds of it. */
  ranks?: RankBox[];
  /** Python literal of a small object, where it is at hand. */
  value?: string;
  /** The value of an object as lines of Python, where they were asked for and it is at hand. */
  lines?: string[];
}

export interface InspectedChunk {
  offsets: number[];
  sizes: number[];
  relativePath: string;
  /** The rank that wrote the file, by its name; null where that tells none. */
  rank: number | null;
  /** Bytes of the stored item in its file. */
  offset: number;
  length: number;
}

/** What is told of each entry, beyond its name and type. */
export interface EntryDetail {
  chunks: boolean;
  slice: string | undefined;
  objects: ObjectDetail | undefined;
  rankBoxes: RankBoxes | undefined;
}

const MAX_LITERAL_LENGTH = 60;
const LINE_WIDTH = 80;

/** Rows of a report about the entries of a checkpoint. */
export class EntryInspector {
  private readonly rankOf: readonly (number | null)[];

  constructor(
    private readonly checkpoint: Checkpoint,
    private readonly detail: EntryDetail,
  ) {
    this.rankOf = checkpoint.files.map(file => rankOfFile(file) ?? null);
  }

  /** @throws UsageError where the slice asked for is none of the tensor. */
  inspect(entry: Entry): InspectedEntry {
    const { fqn } = entry;
    const path = [...entry.path];
    if (entry.kind === 'tensor') return this.inspectTensor(entry, path);
    const { value, byteLength } = entry;
    const { objects } = this.detail;
    return {
      fqn,
      path,
      kind: 'object',
      byteLength,
      ...(value === undefined ? {} : { value: objectText(value, MAX_LITERAL_LENGTH) }),
      ...(value === undefined || objects === undefined
        ? {}
        : { lines: objectLines(value, objects, LINE_WIDTH) }),
    };
  }

  private inspectTensor(entry: TensorEntry, path: (string | number)[]): InspectedEntry {
    const { fqn, dtype, shape, requiresGrad, chunkCount } = entry;
    const { slice, chunks, rankBoxes } = this.detail;
    const selection = slice === undefined ? undefined : parseSlice(slice, shape).selection;
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
      ...(selection && { slice: selectionRow(selection) }),
      ...(chunks ? { chunks: this.chunksOf(entry, selection) } : {}),
      ...(rankBoxes && { ranks: rankBoxes.add(entry) }),
    };
  }

  private chunksOf(
    { firstChunk, chunkCount }: TensorEntry,
    selection: Selection | undefined,
  ): InspectedChunk[] {
    const { chunks, files } = this.checkpoint;
    const rows: InspectedChunk[] = [];
    for (let chunk = firstChunk; chunk < firstChunk + chunkCount; chunk++) {
      const box = chunks.boxOf(chunk);
      if (selection !== undefined && !holdsSome(selection, box)) continue;
      const file = chunks.itemFile[chunk]!;
      rows.push({
        offsets: [...box.offsets],
        sizes: [...box.sizes],
        relativePath: files[file]?.name ?? '',
        rank: this.rankOf[file] ?? null,
        offset: chunks.itemByteOffset[chunk]!,
        length: chunks.itemByteLength[chunk]!,
      });
    }
    return rows;
  }
}

/** Bytes of a tensor, were it on its own. */
export function byteLengthOf(entry: TensorEntry): number {
  return elementCountOf(entry.shape) * entry.dtype.itemSize;
}

function selectionRow({ offsets, sizes, steps }: Selection): NonNullable<InspectedEntry['slice']> {
  return { offsets: [...offsets], sizes: [...sizes], steps: [...steps] };
}

/** Whether some element of a selection lies in a box: in every dimension a step lands in its range. */
function holdsSome(
  { offsets, sizes, steps }: Selection,
  box: { offsets: readonly number[]; sizes: readonly number[] },
): boolean {
  return offsets.every((start, d) => {
    const boxStart = box.offsets[d]!;
    const firstStep = Math.max(0, Math.ceil((boxStart - start) / steps[d]!));
    return firstStep < sizes[d]! && start + firstStep * steps[d]! < boxStart + box.sizes[d]!;
  });
}
