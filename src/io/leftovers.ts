import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.js';
import { errorCode, fileCalls, type Status } from './file-calls.js';
import { kindOf, listNames, pathKind } from './listing.js';
import { holdsAside, type IndexNames, removeDirectory, settle } from './merging.js';
import { resolvePath } from './paths.js';
import { fileError } from './source.js';
import { tryTo } from './temporary-file.js';
import {
  type OwnerState,
  ownerState,
  parseTemporaryName,
  type TemporaryOwner,
  temporaryName,
  temporaryStem,
} from './temporary-name.js';

/** A temporary of ours that a run, dead or alive, has beside or inside a destination. */
export interface Leftover {
  path: string;
  kind: 'file' | 'directory';
  /** Beside the destination, or inside it (a directory that existed before). */
  place: 'beside' | 'inside';
  owner: TemporaryOwner;
  state: OwnerState;
  /** Last change of the file, or of names in the directory. */
  mtimeNs: bigint;
  /** It holds files of the destination that were moved aside: removing it by hand would lose them. */
  holdsReplaced: boolean;
}

/**
 * The temporaries made for `destination`, which need not exist, by any run.
 * @throws FileError where a directory cannot be read.
 */
export function findLeftovers(destination: string): Leftover[] {
  const path = resolvePath(destination);
  const stem = temporaryStem(basename(path));
  const found: Leftover[] = [];
  const collect = (directory: string, place: Leftover['place'], wantedStem: string | undefined): void => {
    if (pathKind(directory) !== 'directory') return;
    for (const name of listNames(directory)) {
      const parsed = parseTemporaryName(name);
      if (parsed === undefined || parsed.stem !== wantedStem) continue;
      const at = join(directory, name);
      const status = lookAtName(at);
      const kind = kindOf(status);
      // A symbolic link is none of ours: what it leads to belongs to others.
      if (status === undefined || status.isSymbolicLink()) continue;
      if (kind !== 'directory' && (kind !== 'file' || place === 'inside')) continue;
      const { owner } = parsed;
      const { mtimeNs } = status;
      const holdsReplaced = place === 'inside' && holdsAside(at);
      found.push({ path: at, kind, place, owner, state: ownerState(owner), mtimeNs, holdsReplaced });
    }
  };
  collect(dirname(path), 'beside', stem);
  collect(path, 'inside', undefined);
  return found;
}

/**
 * Removes what a dead run left. Where that run was ended while it replaced a checkpoint, it is ended properly:
 * the old checkpoint is given back, or what is left of it removed if the new one was in place.
 *
 * @param index as for `OutputDirectory`
 * @param evenIfUnknown also where the owner is not known to be dead: the user says that it is
 * @returns the paths that could not be removed. A directory among them belongs to this process from then on.
 * @throws UsageError where the owner lives, or may.
 * @throws FileError
 */
export function removeLeftover(
  leftover: Leftover,
  index: IndexNames,
  { evenIfUnknown = false }: { evenIfUnknown?: boolean } = {},
): string[] {
  const state = ownerState(leftover.owner);
  if (state === 'live' || (state === 'unknown' && !evenIfUnknown)) {
    const { pid, host } = leftover.owner;
    throw new UsageError(
      state === 'live'
        ? 'The run that makes this output is alive'
        : 'The run that made this may still be alive',
      { found: `process ${pid} on ${host}`, path: leftover.path },
    );
  }
  if (leftover.kind === 'file') {
    return tryTo(() => unlinkIfPresent(leftover.path)) ? [] : [leftover.path];
  }
  const claimed = claim(leftover);
  if (claimed === undefined) return [];
  if (leftover.place === 'inside') return settle(dirname(claimed), claimed, index);
  return removeDirectory(claimed) ? [] : [claimed];
}

/**
 * @throws UsageError where another run that lives makes its output in `directory`, or one that was killed has
 *   files of it aside: those belong back first.
 */
export function requireNoOtherRun(directory: string, ownTemporary: string): void {
  for (const name of listNames(directory)) {
    const parsed = parseTemporaryName(name);
    const path = join(directory, name);
    if (parsed === undefined || parsed.stem !== undefined || path === ownTemporary) continue;
    const { pid, host } = parsed.owner;
    if (ownerState(parsed.owner) === 'live') {
      const found = `process ${pid} on ${host}`;
      throw new UsageError('Another conversion is writing into the directory', { found, path: directory });
    }
    if (holdsAside(path)) {
      throw new UsageError('A conversion that was killed here has left files of the old checkpoint aside', {
        found: `a directory of process ${pid} on ${host}`,
        path,
        hint: 'Remove what it left first: that gives the old checkpoint back.',
      });
    }
  }
}

/** Makes the directory ours by its name: of two runs that clean up at a time, one gets it. */
function claim({ path, place }: Leftover): string | undefined {
  const stem = parseTemporaryName(basename(path))?.stem;
  const ours = join(dirname(path), temporaryName(place === 'inside' ? undefined : stem));
  try {
    fileCalls.rename(path, ours);
    return ours;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fileError('rename', path, error);
  }
}

/** Of the name itself; `undefined` where nothing is. @throws FileError */
function lookAtName(path: string): Status | undefined {
  try {
    return fileCalls.lstat(path);
  } catch (error) {
    throw fileError('look at', path, error);
  }
}

function unlinkIfPresent(path: string): void {
  if (fileCalls.lstat(path) !== undefined) fileCalls.unlink(path);
}
