import { FormatError } from '../errors.js';
import { Archive, type ArchiveRecord } from './archive.js';
import { decodeEntry, type Entry, isDirectory } from './directory-entry.js';
import { decodeEndRecord, type EndRecord } from './end-record.js';
import { decodeName, foldCase, nameFault, rootOf } from './names.js';
import { DIRECTORY_ENTRY as ENTRY, LOCAL_HEADER, viewOf } from './records.js';

/**
 * Decodes the directory of an archive of `archiveByteLength` bytes from its last bytes alone. `tail` may be a
 * part of a larger buffer (an item among the items of a `.distcp` file): nothing of it is copied or kept.
 *
 * @returns undefined where `tail` does not hold the whole central directory.
 * @throws FormatError, UnsupportedError as {@link decodeEndRecord} and {@link decodeDirectory} do.
 */
export function decodeArchiveDirectory(tail: Uint8Array, archiveByteLength: number): Archive | undefined {
  const end = decodeEndRecord(tail, archiveByteLength);
  if (end === undefined) return undefined;
  const start = end.directoryByteOffset - (archiveByteLength - tail.length);
  return start < 0 ? undefined : decodeDirectory(tail.subarray(start, start + end.directoryByteLength), end);
}

/**
 * Decodes the central directory: exactly the bytes that `end` tells of.
 *
 * @throws FormatError for what cannot be one unambiguous PyTorch archive: entries outside the one top-level
 *   directory, names that are equal but for case, absolute names or names with `..`, records that overlap,
 *   bytes in front of the first record, sizes that contradict each other.
 * @throws UnsupportedError for encrypted records and for compression other than deflate.
 */
export function decodeDirectory(directory: Uint8Array, end: EndRecord): Archive {
  const view = viewOf(directory);
  const entries: Entry[] = [];
  let prefix = '';
  let at = 0;
  for (let index = 0; index < end.entryCount; index++) {
    const next = entryEnd(view, at, index);
    const nameAt = at + ENTRY.BYTE_LENGTH;
    const nameByteLength = view.getUint16(at + ENTRY.nameByteLength, true);
    const entryName = decodeName(directory.subarray(nameAt, nameAt + nameByteLength));
    if (index === 0) prefix = `${rootOf(entryName)}/`;
    checkName(entryName, prefix);
    const entry = decodeEntry(view, at, entryName, nameByteLength, prefix.length);
    entry.entryByteOffset = end.directoryByteOffset + at;
    entries.push(entry);
    at = next;
  }
  if (at !== directory.length) {
    throw new FormatError('The central directory holds more than its entries', {
      expected: `${at} bytes for ${end.entryCount} entries`,
      found: `${directory.length} bytes`,
    });
  }
  bound(entries, end.directoryByteOffset);
  return assemble(prefix.slice(0, -1), entries);
}

/** Where the entry at `at` ends, after a look at its signature. */
function entryEnd(view: DataView, at: number, index: number): number {
  let next = at + ENTRY.BYTE_LENGTH;
  if (next <= view.byteLength) {
    if (view.getUint32(at, true) !== ENTRY.SIGNATURE) {
      throw new FormatError(`Entry ${index} of the central directory has the wrong signature`, {
        expected: hex(ENTRY.SIGNATURE),
        found: hex(view.getUint32(at, true)),
      });
    }
    next +=
      view.getUint16(at + ENTRY.nameByteLength, true) +
      view.getUint16(at + ENTRY.extraByteLength, true) +
      view.getUint16(at + ENTRY.commentByteLength, true);
  }
  if (next <= view.byteLength) return next;
  throw new FormatError(`Entry ${index} reaches past the end of the central directory`, {
    expected: `${next} bytes at least`,
    found: `${view.byteLength} bytes`,
  });
}

function checkName(entryName: string, prefix: string): void {
  const fault = nameFault(entryName);
  if (fault !== undefined) throw new FormatError(`The record name ${quoted(entryName)} ${fault}`);
  if (prefix === '/') {
    throw new FormatError(`The record ${quoted(entryName)} is not in a top-level directory`);
  }
  if (!entryName.startsWith(prefix)) {
    throw new FormatError(`The record ${quoted(entryName)} is outside the archive's top-level directory`, {
      expected: `a name that begins with ${quoted(prefix)}`,
    });
  }
}

/** Gives every entry its end, and refuses overlaps and bytes in front of the first. */
function bound(entries: Entry[], directoryByteOffset: number): void {
  const byPlace = inOrderOfPlace(entries);
  const first = byPlace[0]!.localHeaderByteOffset;
  if (first !== 0) {
    throw new FormatError('There are bytes in front of the first record', {
      expected: 'a record at byte 0',
      found: `the first at byte ${first}`,
    });
  }
  for (let i = 0; i < byPlace.length; i++) {
    const entry = byPlace[i]!;
    const next = byPlace[i + 1];
    entry.endByteOffset = next === undefined ? directoryByteOffset : next.localHeaderByteOffset;
    const leastEnd =
      entry.localHeaderByteOffset +
      LOCAL_HEADER.BYTE_LENGTH +
      entry.nameByteLength +
      entry.compressedByteLength;
    if (leastEnd > entry.endByteOffset) {
      const follower = next === undefined ? 'the central directory' : `record ${quoted(next.entryName)}`;
      throw new FormatError(`The record overlaps ${follower}`, {
        expected: `an end at byte ${entry.endByteOffset} at most`,
        found: `byte ${leastEnd} at least`,
        entry: entry.entryName,
      });
    }
  }
}

function inOrderOfPlace(entries: Entry[]): Entry[] {
  for (let i = 1; i < entries.length; i++) {
    if (entries[i]!.localHeaderByteOffset < entries[i - 1]!.localHeaderByteOffset) {
      return [...entries].sort((a, b) => a.localHeaderByteOffset - b.localHeaderByteOffset);
    }
  }
  return entries;
}

function assemble(root: string, entries: Entry[]): Archive {
  const records: Entry[] = [];
  const byFoldedName = new Map<string, ArchiveRecord>();
  let hasCrc = false;
  for (const entry of entries) {
    if (isDirectory(entry)) continue;
    const folded = foldCase(entry.name);
    const twin = byFoldedName.get(folded);
    if (twin !== undefined) throw twins(twin, entry);
    byFoldedName.set(folded, entry);
    records.push(entry);
    if (entry.crc32 !== 0 && entry.byteLength > 0) hasCrc = true;
  }
  if (!hasCrc) for (const record of records) record.crc32 = undefined;
  return new Archive(root, records, hasCrc, byFoldedName);
}

function twins(first: ArchiveRecord, second: ArchiveRecord): FormatError {
  if (first.entryName === second.entryName) {
    return new FormatError(`The archive has two records named ${quoted(first.entryName)}`);
  }
  const names = `${quoted(first.entryName)} and ${quoted(second.entryName)}`;
  return new FormatError(`The records ${names} differ only in case, which PyTorch ignores`);
}

function quoted(name: string): string {
  return JSON.stringify(name);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
