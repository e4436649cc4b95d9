/** What is at a path: kinds, sizes, times. Used to tell a finished checkpoint from one being written. */
import { join } from 'node:path';
import { fileCalls, type Status } from './file-calls.js';
import { lookAt } from './paths.js';
import { fileError } from './source.js';

export type PathKind = 'file' | 'directory' | 'missing' | 'fifo' | 'device' | 'socket';

export interface DirectoryEntry {
  name: string;
  /** After symbolic links; `missing`: a link that leads nowhere. */
  kind: PathKind;
  /** Of a file; otherwise 0. */
  byteLength: number;
  /** Last change of the bytes, nanoseconds since 1970; 0 where `missing`. */
  mtimeNs: bigint;
}

/**
 * What `path` is, symbolic links followed.
 * @throws FileError where that cannot be told: no permission, links in a circle.
 */
export function pathKind(path: string): PathKind {
  return kindOf(lookAt(path));
}

export function kindOf(status: Status | undefined): PathKind {
  if (status === undefined) return 'missing';
  if (status.isFile()) return 'file';
  if (status.isDirectory()) return 'directory';
  if (status.isFIFO()) return 'fifo';
  if (status.isSocket()) return 'socket';
  return 'device';
}

/**
 * The entries of a directory, by name in code-unit order, hidden ones included. Entries that vanish meanwhile
 * are left out.
 * @throws FileError where the directory or an entry cannot be read.
 */
export function listDirectory(path: string): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  for (const name of listNames(path)) {
    const entryPath = join(path, name);
    const status = followIfPossible(entryPath);
    if (status === undefined && !isLink(entryPath)) continue;
    const kind = kindOf(status);
    entries.push({
      name,
      kind,
      byteLength: kind === 'file' ? Number(status?.size) : 0,
      mtimeNs: status?.mtimeNs ?? 0n,
    });
  }
  return entries;
}

/** The names in a directory, in code-unit order. */
export function listNames(path: string): string[] {
  try {
    return fileCalls
      .list(path)
      .map(entry => entry.name)
      .sort();
  } catch (error) {
    throw fileError('list', path, error);
  }
}

/** The status behind `path`; `undefined` where it is gone or a link that cannot be followed. */
function followIfPossible(path: string): Status | undefined {
  try {
    return fileCalls.stat(path);
  } catch (error) {
    if (isLink(path)) return undefined;
    throw fileError('look at', path, error);
  }
}

function isLink(path: string): boolean {
  try {
    return fileCalls.lstat(path)?.isSymbolicLink() ?? false;
  } catch (error) {
    throw fileError('look at', path, error);
  }
}

/** A directory's path without slashes at its end, so that a name can follow: the root stays. */
export function withoutLastSlash(path: string): string {
  return path.replace(/(?<=.)\/+$/, '');
}
