import { FileError } from '../errors.js';
import { lookAt } from './paths.js';

/**
 * What a source file was when the conversion was planned. Plain data: it may be sent to a worker.
 *
 * The change time (ctime) is left out on purpose: a hard link made by a backup changes it, the bytes stay.
 * A write of equal length within one tick of the file system's clock (2 s on FAT, some ms on ext4) is not seen.
 */
export interface FileSnapshot {
  path: string;
  byteLength: number;
  /** Last change of the bytes, nanoseconds since 1970. */
  mtimeNs: bigint;
  inode: bigint;
  device: bigint;
}

export type ChangeKind = 'vanished' | 'inode' | 'size' | 'time';

export interface FileChange {
  path: string;
  kinds: ChangeKind[];
  before: FileSnapshot;
  /** Absent where the file vanished. */
  after?: FileSnapshot;
}

/**
 * @throws FileError where `path` is missing, cannot be read or is not a regular file.
 */
export function takeSnapshot(path: string): FileSnapshot {
  const snapshot = snapshotOf(path);
  if (snapshot === undefined) throw new FileError('The file does not exist', { path });
  return snapshot;
}

/** The files that are no longer what they were. Empty where all are. */
export function findChanges(before: Iterable<FileSnapshot>): FileChange[] {
  const changes: FileChange[] = [];
  for (const snapshot of before) {
    const after = snapshotOf(snapshot.path);
    if (after === undefined) {
      changes.push({ path: snapshot.path, kinds: ['vanished'], before: snapshot });
      continue;
    }
    const kinds: ChangeKind[] = [];
    if (after.inode !== snapshot.inode || after.device !== snapshot.device) kinds.push('inode');
    if (after.byteLength !== snapshot.byteLength) kinds.push('size');
    if (after.mtimeNs !== snapshot.mtimeNs) kinds.push('time');
    if (kinds.length > 0) changes.push({ path: snapshot.path, kinds, before: snapshot, after });
  }
  return changes;
}

/**
 * Proves that the sources stayed what they were while they were copied.
 * @throws FileError that names the first file that changed, how it did, and how many did.
 */
export function requireUnchanged(before: Iterable<FileSnapshot>): void {
  const changes = findChanges(before);
  const first = changes[0];
  if (first === undefined) return;
  const more = changes.length - 1;
  const others = more === 0 ? '' : `, and ${more} more ${more === 1 ? 'file' : 'files'} changed`;
  throw new FileError(
    `The source changed while it was read: ${first.kinds.map(describe).join(', ')}${others}`,
    {
      expected: `${first.before.byteLength} bytes of ${timeText(first.before)}`,
      found:
        first.after === undefined ? 'no file' : `${first.after.byteLength} bytes of ${timeText(first.after)}`,
      path: first.path,
      hint: 'Wait until nothing writes to it, and try again.',
    },
  );
}

function describe(kind: ChangeKind): string {
  const texts: Record<ChangeKind, string> = {
    vanished: 'it is gone',
    inode: 'another file has its name',
    size: 'its size differs',
    time: 'its modification time differs',
  };
  return texts[kind];
}

function timeText(snapshot: FileSnapshot): string {
  return dateOf(snapshot.mtimeNs).toISOString();
}

/** Milliseconds from 1970 to the last moment that a Date holds. */
const LAST_DATE = 8.64e15;

/** A file's time as a Date; the nearest one where clocks or file systems made up a time that none can hold. */
export function dateOf(timeNs: bigint): Date {
  const milliseconds = Number(timeNs / 1_000_000n);
  return new Date(Math.max(-LAST_DATE, Math.min(LAST_DATE, milliseconds)));
}

function snapshotOf(path: string): FileSnapshot | undefined {
  const status = lookAt(path);
  if (status === undefined) return undefined;
  if (!status.isFile()) {
    throw new FileError(status.isDirectory() ? 'It is a directory' : 'It is not a regular file', {
      expected: 'a regular file',
      path,
    });
  }
  return {
    path,
    byteLength: Number(status.size),
    mtimeNs: status.mtimeNs,
    inode: status.ino,
    device: status.dev,
  };
}
