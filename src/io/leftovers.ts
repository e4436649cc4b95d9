import { basename, dirname, join } from 'node:path';
import { UsageError } from '../errors.js';
import { errorCode, fileCalls, type Status } from './file-calls.js';
import { JOURNAL_NAME, removeFile } from './journal-file.js';
import { kindOf, listNames, pathKind } from './listing.js';
import { holdsAside, type IndexNames, removeDirectory, settle } from './merging.js';
import { resolvePath } from './paths.js';
import { fileError } from './source.js';
import {
  abandonTemporary,
  JOURNAL_SUFFIX,
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
  /** Where it says what has been done of it; absent where it does not. */
  journalPath?: string;
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
    const names = listNames(directory);
    for (const name of names) {
      const parsed = parseTemporaryName(name);
      if (parsed === undefined || parsed.stem !== wantedStem) continue;
      // It goes with its file; on its own it is a leftover as any.
      if (parsed.isJournal === true && names.includes(name.slice(0, -JOURNAL_SUFFIX.length))) continue;
      const at = join(directory, name);
      const status = lookAtName(at);
      const kind = kindOf(status);
      // A symbolic link is none of ours: what it leads to belongs to others.
      if (status === undefined || status.isSymbolicLink()) continue;
      if (kind !== 'directory' && (kind !== 'file' || place === 'inside')) continue;
      const { owner } = parsed;
      const { mtimeNs } = status;
      const holdsReplaced = place === 'inside' && holdsAside(at);
      const journalPath = kind === 'file' ? `${at}${JOURNAL_SUFFIX}` : join(at, JOURNAL_NAME);
      const journal = lookAtName(journalPath)?.isFile() === true ? { journalPath } : {};
      const state = ownerState(owner);
      found.push({ path: at, kind, place, owner, state, mtimeNs, ...journal, holdsReplaced });
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
    const paths = [leftover.path, ...(leftover.journalPath === undefined ? [] : [leftover.journalPath])];
    return paths.filter(path => !removeFile(path));
  }
  const claimed = claim(leftover);
  if (claimed === undefined) return [];
  if (leftover.place === 'inside') return settle(dirname(claimed), claimed, index);
  return removeDirectory(claimed) ? [] : [claimed];
}

/**
 * To be called when the own temporary is there: of two runs that begin at a time, one at least sees the other.
 *
 * @throws UsageError where another run that lives makes the same output, or one that was killed has files of it aside:
 *   those belong back first.
 */
export function requireNoOtherRun(ownTemporary: string): void {
  const directory = dirname(ownTemporary);
  const own = parseTemporaryName(basename(ownTemporary));
  for (const name of listNames(directory)) {
    const parsed = parseTemporaryName(name);
    const path = join(directory, name);
    if (parsed === undefined || parsed.stem !== own?.stem || parsed.isJournal === true) continue;
    if (path === ownTemporary) continue;
    const { pid, host } = parsed.owner;
    if (ownerState(parsed.owner) === 'live') {
      throw new UsageError('Another conversion is making this output', {
        found: `process ${pid} on ${host}`,
        path: parsed.stem === undefined ? directory : join(directory, parsed.stem),
        hint: 'Wait for it, or end it.',
      });
    }
    if (parsed.stem === undefined && holdsAside(path)) {
      throw new UsageError('A conversion that was killed here has left files of the old checkpoint aside', {
        found: `a directory of process ${pid} on ${host}`,
        path,
        hint: 'Remove what it left first: that gives the old checkpoint back.',
      });
    }
  }
}

/**
 * Makes what an earlier run has begun this run's, with its journal, to be gone on with. Only files of this user that
 * nobody else has a name for, and that no more people may read than the output: in a directory that users share,
 * anybody could have put them there.
 *
 * @param mode the permissions that the output's files may have at most
 * @returns its new path; undefined where it is gone.
 * @throws UsageError where it is not such, FileError
 */
export function takeOver(leftover: Leftover, mode: number): string | undefined {
  const { path, kind, place, journalPath } = leftover;
  if (journalPath === undefined || lookAtName(path) === undefined) return undefined;
  requireOwn(journalPath, 'file', 0o666);
  requireOwn(path, kind, kind === 'directory' ? 0o777 : mode);
  if (kind === 'directory') {
    for (const name of listNames(path)) requireOwn(join(path, name), 'file', mode);
    return claim(leftover);
  }
  if (place !== 'beside') return undefined;
  const ours = claim(leftover);
  if (ours === undefined) return undefined;
  try {
    fileCalls.rename(journalPath, `${ours}${JOURNAL_SUFFIX}`);
  } catch (error) {
    // Without its journal it is worth nothing.
    abandonTemporary(ours);
    throw fileError('rename', journalPath, error);
  }
  return ours;
}

function requireOwn(path: string, kind: 'file' | 'directory', mode: number): void {
  const status = lookAtName(path);
  const isOurs =
    status !== undefined &&
    kindOf(status) === kind &&
    !status.isSymbolicLink() &&
    (process.geteuid === undefined || Number(status.uid) === process.geteuid()) &&
    (kind === 'directory' || status.nlink === 1n) &&
    (Number(status.mode) & 0o777 & ~mode) === 0;
  if (isOurs) return;
  throw new UsageError('The unfinished conversion is not safe to go on with', {
    expected: `a ${kind} of this user, with one name, and no more permissions than the output`,
    path,
    hint: 'Without --resume, --force removes it and starts again.',
  });
}

/** Makes a temporary ours by its name: of two runs that clean up at a time, one gets it. */
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
