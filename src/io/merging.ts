/**
 * Putting the files of a temporary directory in place in the directory around it, and going back.
 *
 * The order, with what a reader finds if the process ends there:
 *
 * | Step                                                          | The directory holds         |
 * | ------------------------------------------------------------- | --------------------------- |
 * | 1. every old index is moved aside, `indexName` last           | the old thing, then nothing |
 * | 2. old files are moved aside, each new file gets its name     | nothing: there is no index  |
 * | 3. the new index gets its name                                | the new thing               |
 * | 4. the temporary's names and what was moved aside are removed | the new thing               |
 *
 * Each step is on the device before the next begins. New files are linked, so that the temporary directory
 * still has their names: by their inodes the new files in the directory can be told from others, also by a
 * later run. Until step 3 everything can be undone.
 */
import { join } from 'node:path';
import { UsageError } from '../errors.js';
import { fileCalls } from './file-calls.js';
import { listNames } from './listing.js';
import { type FileIdentity, identityOf, sameIdentity } from './paths.js';
import { alreadyExists, placeIfFree, syncDirectory } from './placing.js';
import { fileError } from './source.js';
import { tryTo } from './temporary-file.js';

/** Inside the temporary directory: what was moved aside, by its name. */
const ASIDE = '.dcp-aside';
/** Inside that: a link to the new index. It tells a later run that new files are linked, not moved. */
const LINKED = '.dcp-linked';

/** Which names make a directory hold something whole. */
export interface IndexNames {
  /** The file that makes the rest a whole (`.metadata`): put in place after all others. */
  indexName: string;
  /** Whether a name, `indexName` or another (`__0.metadata`), is that of an index. */
  isIndex: (name: string) => boolean;
}

export interface Merge extends IndexNames {
  directory: string;
  /** A directory inside `directory`. */
  temporary: string;
  /** How messages call `directory`. */
  name: string;
  /** The files to put in place before the index. */
  names: readonly string[];
  /** Move aside what has a new file's name, and the old index. */
  force: boolean;
  /** Names of old files that go with the old index. */
  oldNames: readonly string[];
}

/**
 * Steps 1 to 3. On an error call {@link settle}.
 * @returns those of `oldNames` that are directories, and stay.
 * @throws UsageError where a name exists and may not be replaced.
 * @throws FileError
 */
export function mergeInto(merge: Merge): string[] {
  const { directory, temporary, indexName, isIndex } = merge;
  const aside = join(temporary, ASIDE);
  if (merge.force) makeAside(aside, join(temporary, indexName));
  const oldIndexes = listNames(directory).filter(isIndex);
  if (oldIndexes[0] !== undefined) {
    if (!merge.force) throw holdsIndex(merge.name, oldIndexes[0]);
    oldIndexes.sort((a, b) => Number(a === indexName) - Number(b === indexName));
    for (const name of oldIndexes) moveAsideOrThrow(merge, name);
    syncDirectory(aside);
    syncDirectory(directory);
  }
  const kept = merge.oldNames.filter(name => moveAside(merge, name) === 'directory');
  for (const name of merge.names) {
    if (placeIfFree(join(temporary, name), join(directory, name)) !== 'taken') continue;
    if (!merge.force) throw alreadyExists(join(merge.name, name), true);
    moveAsideOrThrow(merge, name);
    placeOrThrow(merge, name);
  }
  if (merge.force) syncDirectory(aside);
  syncDirectory(directory);
  placeOrThrow(merge, indexName);
  return kept;
}

/** Whether a temporary directory holds files that were moved aside. */
export function holdsAside(temporary: string): boolean {
  const aside = join(temporary, ASIDE);
  return isOwnDirectory(aside) && listNames(aside).some(name => name !== LINKED);
}

/** A directory itself: we never make links, so what is behind one is not ours. */
function isOwnDirectory(path: string): boolean {
  return fileCalls.lstat(path)?.isDirectory() ?? false;
}

export function holdsIndex(path: string, index: string): UsageError {
  return new UsageError('The directory holds a checkpoint already', {
    found: index,
    path,
    hint: 'Choose another directory, or use --force to replace the checkpoint.',
  });
}

/**
 * Ends a merge, finished or not, from what is on disk: forward where the new index is in place, else back to
 * what was before. Then removes the temporary directory. Used after an error, and by a later run on what a
 * killed one left. Throws nothing; what cannot be undone is left for another try.
 *
 * @param identities the new files, where the caller knows them; else taken from the temporary directory. On a
 *   file system without hard links a later run cannot know new files that have a name nothing had before: they
 *   stay, without an index.
 * @returns the paths that could not be removed.
 */
export function settle(
  directory: string,
  temporary: string,
  names: IndexNames,
  identities?: ReadonlyMap<string, FileIdentity>,
): string[] {
  const { indexName } = names;
  try {
    if (fileCalls.lstat(temporary) === undefined) return [];
    const newIndex = lookAtName(join(temporary, indexName));
    // Placed: linked, or moved from here. It also is not here before it is made: nothing is placed then.
    const isPlaced = newIndex === undefined || isIdentical(lookAtName(join(directory, indexName)), newIndex);
    if (isPlaced) {
      // First: for who comes after us this directory then says "placed", whatever becomes of the index.
      if (newIndex !== undefined) fileCalls.unlink(join(temporary, indexName));
    } else if (!undo(directory, temporary, names, identities ?? identitiesIn(temporary))) {
      return [temporary];
    }
    return removeDirectory(join(temporary, ASIDE)) && removeDirectory(temporary) ? [] : [temporary];
  } catch {
    return [temporary];
  }
}

/**
 * Removes a directory of files, if it is there; of a symbolic link the link, and nothing behind it. Throws nothing.
 * @returns whether it is gone.
 */
export function removeDirectory(path: string): boolean {
  return tryTo(() => {
    const status = fileCalls.lstat(path);
    if (status === undefined) return;
    if (!status.isDirectory()) {
      fileCalls.unlink(path);
      return;
    }
    for (const name of listNames(path)) fileCalls.unlink(join(path, name));
    fileCalls.rmdir(path);
  });
}

/** Gives back what was moved aside, the index last and only if all else is back. @returns whether all is. */
function undo(
  directory: string,
  temporary: string,
  { indexName, isIndex }: IndexNames,
  newFiles: ReadonlyMap<string, FileIdentity>,
): boolean {
  const aside = join(temporary, ASIDE);
  const inAside = isOwnDirectory(aside) ? listNames(aside) : [];
  const asideNames = inAside.filter(name => name !== LINKED);
  // Whoever made another index since then owns the directory now.
  if (asideNames.includes(indexName) && lookAtName(join(directory, indexName)) !== undefined) return false;
  let complete = true;
  const giveBack = (name: string): void => {
    const path = join(directory, name);
    const returned = tryTo(() => {
      const present = lookAtName(path);
      // Without hard links, what has the name is the new file for which the old one was moved aside.
      const wasMoved = !inAside.includes(LINKED) && !newFiles.has(name) && !isIndex(name);
      if (present !== undefined && !wasMoved && !isIdentical(present, newFiles.get(name))) {
        throw alreadyExists(path, true);
      }
      fileCalls.rename(join(aside, name), path);
    });
    complete &&= returned;
  };
  for (const name of asideNames) if (name !== indexName) giveBack(name);
  for (const [name, identity] of newFiles) {
    const path = join(directory, name);
    const isNew = (): boolean => isIdentical(lookAtName(path), identity);
    complete &&= tryTo(() => {
      if (isNew()) fileCalls.unlink(path);
    });
  }
  if (complete && asideNames.includes(indexName)) {
    complete = tryTo(() => syncDirectory(directory));
    if (complete) giveBack(indexName);
  }
  return complete && tryTo(() => syncDirectory(directory));
}

function identitiesIn(temporary: string): Map<string, FileIdentity> {
  const identities = new Map<string, FileIdentity>();
  for (const name of listNames(temporary)) {
    const identity = lookAtName(join(temporary, name));
    if (identity !== undefined && name !== ASIDE) identities.set(name, identity);
  }
  return identities;
}

function placeOrThrow({ temporary, directory, name: shown }: Merge, name: string): void {
  if (placeIfFree(join(temporary, name), join(directory, name)) === 'taken') {
    throw alreadyExists(join(shown, name), true);
  }
}

function moveAsideOrThrow(merge: Merge, name: string): void {
  if (moveAside(merge, name) !== 'directory') return;
  throw new UsageError('A directory has the name of an output file', { path: join(merge.name, name) });
}

/** With `force` only. A directory is left where it is. */
function moveAside({ temporary, directory }: Merge, name: string): 'moved' | 'missing' | 'directory' {
  const path = join(directory, name);
  try {
    const status = fileCalls.lstat(path);
    if (status === undefined) return 'missing';
    if (status.isDirectory()) return 'directory';
    fileCalls.rename(path, join(temporary, ASIDE, name));
    return 'moved';
  } catch (error) {
    throw fileError('move aside', path, error);
  }
}

function makeAside(aside: string, newIndex: string): void {
  try {
    fileCalls.mkdir(aside);
  } catch (error) {
    throw fileError('make the directory', aside, error);
  }
  tryTo(() => fileCalls.link(newIndex, join(aside, LINKED)));
}

/** Of the name itself; `undefined` where nothing is. */
function lookAtName(path: string): FileIdentity | undefined {
  const status = fileCalls.lstat(path);
  return status === undefined ? undefined : identityOf(status);
}

function isIdentical(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return a !== undefined && b !== undefined && sameIdentity(a, b);
}
