import { METADATA_NAME, stateOfDirectory } from '../dcp/directory.js';
import { DcpError, FileError, LimitError, UnsupportedError } from '../errors.js';
import { type DirectoryEntry, listDirectory, pathKind, withoutLastSlash } from '../io/listing.js';
import { resolvePath } from '../io/paths.js';
import { isSafetensorsName } from '../safetensors/reader.js';
import { findDirectoryForm } from './directory-forms.js';
import type { Warning } from './warnings.js';

/** A directory that is a checkpoint, finished or not. */
export interface FoundCheckpoint {
  path: string;
  format: 'dcp' | 'safetensors';
}

/** Trainers put a checkpoint at most so deep: `run/checkpoint-500/pytorch_model_fsdp_0`. */
const MAX_DEPTH = 3;
/** A directory of so many is not a run. To look into no more of them would give a wrong last checkpoint. */
const MAX_DIRECTORIES = 10_000;
const TORCH_FILE_NAME = /\.(pth|pt|ckpt|bin)$/;
const MAX_NAMED = 3;

/**
 * The checkpoint that a path means: the path itself, or what is below it where exactly one thing qualifies.
 * @throws FileError, UnsupportedError that say what the directory is and what to do, where none or several do.
 */
export function locateCheckpoint(path: string): string {
  if (pathKind(path) !== 'directory' || pathKind(`${path}/${METADATA_NAME}`) === 'file') return path;
  const entries = listDirectory(path);
  if (formatOfDirectory(entries) !== undefined) return path;
  const found = findCheckpoints(path);
  if (found.length === 1) return found[0]!.path;
  if (found.length > 1) throw severalCheckpoints(path, found);
  const form = findDirectoryForm({ path: withoutLastSlash(path), entries });
  if (form !== undefined)
    throw new UnsupportedError(form.what, {
      path,
      hint: form.hint({ path: withoutLastSlash(path), entries }),
    });
  const files = entries.filter(({ kind, name }) => kind === 'file' && TORCH_FILE_NAME.test(name));
  if (files.length === 1) return `${withoutLastSlash(path)}/${files[0]!.name}`;
  const inside = knownFormInside(path, entries);
  if (inside !== undefined) throw inside;
  throw new FileError('The directory holds no checkpoint', {
    expected: `${METADATA_NAME} of a DCP checkpoint, or safetensors files`,
    found: entries.length === 0 ? 'an empty directory' : `${entries.length} other entries`,
    path,
    ...(files.length === 0
      ? {}
      : {
          hint: `Name one of its files: ${named(
            path,
            files.map(({ name }) => name),
          )}.`,
        }),
  });
}

/** Says that something below the given path was taken. Empty where it is the path itself. */
export function descendedWarning(given: string, taken: string): Warning[] {
  if (withoutLastSlash(given) === withoutLastSlash(taken)) return [];
  return [{ kind: 'descended', message: `The only checkpoint in ${given} is taken: ${taken}` }];
}

/**
 * The checkpoints in and below a directory, itself among them, in the order of their paths. What is a checkpoint is not
 * looked into; links to one that is listed anyway are left out (`latest`).
 * @throws LimitError where there are too many directories.
 */
export function findCheckpoints(path: string): FoundCheckpoint[] {
  const found: (FoundCheckpoint & { resolved: string })[] = [];
  let directoryCount = 0;
  const visit = (directory: string, depth: number): void => {
    if (directoryCount++ >= MAX_DIRECTORIES) {
      throw new LimitError('There are too many directories to look for checkpoints in', {
        expected: `${MAX_DIRECTORIES} at most`,
        found: 'more',
        path,
        hint: 'Name a checkpoint, or the directory of one run.',
      });
    }
    const entries = listIfPossible(directory);
    const format = formatOfDirectory(entries);
    if (format !== undefined) {
      found.push({ path: directory, format, resolved: resolvePath(directory) });
      return;
    }
    if (depth === MAX_DEPTH) return;
    for (const { kind, name } of entries) {
      if (kind === 'directory' && !name.startsWith('.')) visit(`${directory}/${name}`, depth + 1);
    }
  };
  const base = withoutLastSlash(path);
  visit(base, 0);
  const resolvedBase = resolvePath(base);
  const isLink = ({ path: at, resolved }: (typeof found)[number]): boolean =>
    resolved !== resolvedBase + at.slice(base.length);
  return found
    .filter(one => !isLink(one) || !found.some(other => other !== one && other.resolved === one.resolved))
    .map(({ path: at, format }) => ({ path: at, format }));
}

/** What a directory holds, by its names. A DCP index counts before safetensors files beside it. */
export function formatOfDirectory(entries: readonly DirectoryEntry[]): FoundCheckpoint['format'] | undefined {
  const state = stateOfDirectory(entries, Date.now());
  const holdsSafetensors = entries.some(({ kind, name }) => kind === 'file' && isSafetensorsName(name));
  if (state.kind === 'complete' || state.kind === 'rank-metadata') return 'dcp';
  if (holdsSafetensors) return 'safetensors';
  return state.kind === 'none' ? undefined : 'dcp';
}

function severalCheckpoints(path: string, found: readonly FoundCheckpoint[]): FileError {
  const base = withoutLastSlash(path);
  return new FileError('The directory holds several checkpoints', {
    expected: 'one',
    found: `${found.length}: ${named(
      '',
      found.map(one => one.path.slice(base.length + 1)),
    )}`,
    path,
    hint: `Name one of them. dcp inspect ${base} lists them, with --latest-complete it prints the path of one.`,
  });
}

/** A parent of what is known by name, but not opened: a run of DeepSpeed has its files one level deeper. */
function knownFormInside(path: string, entries: readonly DirectoryEntry[]): UnsupportedError | undefined {
  for (const { kind, name } of entries) {
    if (kind !== 'directory') continue;
    const inside = { path: `${withoutLastSlash(path)}/${name}`, entries: listIfPossible(`${path}/${name}`) };
    const form = findDirectoryForm(inside);
    if (form !== undefined)
      return new UnsupportedError(form.what, { path: inside.path, hint: form.hint(inside) });
  }
  return undefined;
}

function listIfPossible(path: string): DirectoryEntry[] {
  try {
    return listDirectory(path);
  } catch (error) {
    if (error instanceof DcpError) return [];
    throw error;
  }
}

function named(base: string, names: readonly string[]): string {
  const shown = names
    .slice(0, MAX_NAMED)
    .map(name => (base === '' ? name : `${withoutLastSlash(base)}/${name}`));
  return names.length > MAX_NAMED ? `${shown.join(', ')}, …` : shown.join(', ');
}
