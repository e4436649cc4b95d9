import { setImmediate } from 'node:timers/promises';
import { elementCountOf } from '../../checkpoint/box.js';
import { type Entry, ObjectEntry } from '../../checkpoint/checkpoint.js';
import { rankOfFile } from '../../dcp/entries.js';
import type { DcpCheckpoint } from '../../dcp/reader.js';
import { FileSource, readRange, SliceSource } from '../../io/source.js';
import { WindowSource } from '../../io/window-source.js';
import { isZip } from '../../torch/magic.js';
import { AlikeItems } from './alike-items.js';
import { checkArchive } from './archive-check.js';
import { attempt, type CheckContext, requireNotInterrupted } from './context.js';

/** An item of a data file, as the index names it. */
interface StoredItem {
  entry: Entry;
  /** Row of the chunk table; undefined for an object. */
  chunk: number | undefined;
  byteOffset: number;
  byteLength: number;
  isTransformed: boolean;
}

/** The items of each file, in rising order; each once, also where several rows of the index share it. */
export type ItemsByFile = readonly (readonly StoredItem[])[];

/** To be called before anything is inflated: these are the places that the index names. */
export function itemsOf(checkpoint: DcpCheckpoint): ItemsByFile {
  const byFile: StoredItem[][] = checkpoint.files.map(() => []);
  for (const entry of checkpoint.entries) {
    if (entry instanceof ObjectEntry) {
      const place = checkpoint.placeOfObject(entry);
      if (place === undefined) continue;
      const { file, byteOffset, byteLength } = place;
      const isTransformed = checkpoint.isTransformed(entry);
      byFile[file]!.push({ entry, chunk: undefined, byteOffset, byteLength, isTransformed });
      continue;
    }
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      const { file, byteOffset, byteLength } = checkpoint.placeOfChunk(chunk);
      if (byteLength === 0) continue;
      const isTransformed = checkpoint.isTransformed(chunk);
      byFile[file]!.push({ entry, chunk, byteOffset, byteLength, isTransformed });
    }
  }
  return byFile.map(items => {
    items.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
    return items.filter((item, i) => {
      const before = items[i - 1];
      return before?.byteOffset !== item.byteOffset || before.byteLength !== item.byteLength;
    });
  });
}

/** Checks the archive of every item that is at hand, and that none overlaps another. */
export async function checkItems(
  checkpoint: DcpCheckpoint,
  items: ItemsByFile,
  absent: ReadonlySet<Entry>,
  context: CheckContext,
): Promise<void> {
  const { findings } = context;
  const alike = new AlikeItems(context.account, context.checksums);
  let looked = 0;
  for (const [file, stored] of items.entries()) {
    const { path, name, byteLength } = checkpoint.files[file]!;
    const rank = rankOfFile(checkpoint.files[file]!);
    if (byteLength === undefined) continue;
    await attempt(
      async () => {
        const source = FileSource.open(path);
        try {
          const windows = new WindowSource(source);
          const images = new Set<number>();
          let end = 0;
          for (const item of stored) {
            if (++looked % ITEMS_AT_A_TIME === 0) await setImmediate();
            requireNotInterrupted(context.signal);
            if (item.byteOffset + item.byteLength > byteLength) continue;
            if (await isInImage(checkpoint, windows, item)) {
              images.add(item.byteOffset);
              continue;
            }
            if (item.byteOffset < end) {
              findings.add('item_place', 'The item overlaps the one before it', {
                relativePath: name,
                rank,
                fqn: item.entry.fqn,
                byteOffset: item.byteOffset,
                expected: `byte ${end} at least`,
                found: `byte ${item.byteOffset}`,
              });
              continue;
            }
            end = item.byteOffset + item.byteLength;
            const { fqn } = item.entry;
            const { byteOffset, byteLength: itemByteLength } = item;
            const place = { path, byteOffset, relativePath: name, rank };
            if (
              !item.isTransformed &&
              (await alike.accept(source, { ...place, fqn, byteLength: itemByteLength }))
            )
              continue;
            if (item.isTransformed) {
              if (!absent.has(item.entry)) await checkInflated(checkpoint, item, name, rank, context);
              continue;
            }
            const layout = await checkArchive(
              {
                ...place,
                source: new SliceSource(windows, byteOffset, itemByteLength),
                isStored: true,
                fqnAt: () => fqn,
                tailByteLength: ITEM_TAIL_BYTE_LENGTH,
                endsWithArchive: true,
              },
              context,
            );
            if (layout !== undefined) alike.learn(itemByteLength, layout);
          }
          // A header of any other length would not be followed by the tensors, to the end of the file.
          for (const start of images)
            context.account.add(name, start, start + IMAGE_PREFIX_BYTE_LENGTH, 'structure');
        } finally {
          source.close();
        }
      },
      error => findings.addError('unreadable', error, { relativePath: name, rank }),
    );
  }
  await checkCommon(checkpoint, items, context);
  await context.checksums.flush();
}

/** Then signals, and all else that waits, get their turn. */
const ITEMS_AT_A_TIME = 1000;

/** The directory of an item with one storage takes about 650 bytes. */
const ITEM_TAIL_BYTE_LENGTH = 1024;

/** The length of a safetensors header, in front of it. */
const IMAGE_PREFIX_BYTE_LENGTH = 8;

/** What Megatron-core keeps beside the data files is an archive that fills its file. */
async function checkCommon(
  checkpoint: DcpCheckpoint,
  items: ItemsByFile,
  context: CheckContext,
): Promise<void> {
  for (const [file, { path, name, byteLength }] of checkpoint.files.entries()) {
    if (name !== 'common.pt' || byteLength === undefined || items[file]!.length > 0) continue;
    const source = FileSource.open(path);
    try {
      const place = { path, byteOffset: 0, relativePath: name, rank: undefined, isStored: true };
      await checkArchive({ ...place, source, fqnAt: () => undefined, endsWithArchive: false }, context);
    } finally {
      source.close();
    }
  }
}

/**
 * Whether it is a tensor of a safetensors image: such an item has the bytes of the bare tensor as length, and the image's
 * start as offset. The reader has checked the image's header.
 */
async function isInImage(
  checkpoint: DcpCheckpoint,
  source: WindowSource,
  { entry, chunk, byteOffset, byteLength, isTransformed }: StoredItem,
): Promise<boolean> {
  if (isTransformed || chunk === undefined || entry.kind === 'object') return false;
  const bareByteLength = elementCountOf(checkpoint.chunks.boxOf(chunk).sizes) * entry.dtype.itemSize;
  return (
    byteLength === bareByteLength && !isZip(await readRange(source, byteOffset, Math.min(4, byteLength)))
  );
}

/** The archive that was inflated out of an item. Its bytes stand for those of the item. */
async function checkInflated(
  checkpoint: DcpCheckpoint,
  item: StoredItem,
  relativePath: string,
  rank: number | undefined,
  context: CheckContext,
): Promise<void> {
  const { entry, chunk, byteOffset, byteLength } = item;
  const place =
    chunk === undefined ? checkpoint.placeOfObject(entry as ObjectEntry)! : checkpoint.placeOfChunk(chunk);
  const { path } = checkpoint.files[place.file]!;
  // Not inflated: what went wrong there has been told.
  if (path === checkpoint.files.find(({ name }) => name === relativePath)?.path) return;
  const { findings, checksums, account } = context;
  const before = findings.list.length;
  const source = FileSource.open(path);
  try {
    await checkArchive(
      {
        source: new SliceSource(source, place.byteOffset, place.byteLength),
        path,
        byteOffset: place.byteOffset,
        relativePath,
        rank,
        isStored: false,
        fqnAt: () => entry.fqn,
        tailByteLength: ITEM_TAIL_BYTE_LENGTH,
        endsWithArchive: true,
      },
      context,
    );
  } finally {
    source.close();
  }
  await checksums.flush();
  const proof = findings.list.length > before ? 'damaged' : checksums.isOn ? 'proved' : 'unread';
  account.add(relativePath, byteOffset, byteOffset + byteLength, proof);
}
