import { FormatError, UsageError } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import type { PyValue } from '../pickle/values.js';
import type { Checkpoint, Entry, ObjectEntry } from './checkpoint.js';
import { deriveCheckpoint, entryAt } from './derive.js';
import { setElement } from './flatten.js';
import { mapLeaves } from './prune.js';
import { pathKey } from './select.js';

/** One step of a path: a key as text, or a list position; and the key itself, which may be an int or a shared str. */
export interface PathStep {
  readonly step: string | number;
  readonly key: PyValue;
}

/** What becomes of a path. */
export type PathChange = (path: readonly PathStep[]) => readonly PathStep[];

/**
 * `flat`: one dict of FQNs. `nested`: dicts and lists as the paths say, where a text that replaced several steps is
 * parted at its dots.
 */
export type Layout = 'nested' | 'flat';

export interface RenameOptions {
  /** Default: `flat` where a key got another text, `nested` where whole steps were left out at most. */
  layout?: Layout | undefined;
  /** What becomes of the values of objects, which are told under their new paths. */
  adapt?: (entry: ObjectEntry, value: PyValue) => PyValue;
}

/**
 * The checkpoint with other paths. Containers are made anew, as plain dicts and lists, unless no path changes.
 * @throws UsageError for two entries of one name, and for an entry that is left without a name.
 */
export function renameEntries(
  checkpoint: Checkpoint,
  change: PathChange,
  { layout, adapt }: RenameOptions = {},
): Checkpoint {
  const steps = stepsOf(checkpoint);
  const changed = new Map<Entry, readonly PathStep[]>();
  let isRenamed = false;
  let isSame = true;
  for (const [entry, path] of steps) {
    const next = change(path);
    requireName(entry, next);
    changed.set(entry, next);
    isSame &&= next.length === path.length && next.every((step, i) => step === path[i]);
    isRenamed ||= !isEndOf(next, path);
  }
  const chosen = layout ?? (isRenamed ? 'flat' : 'nested');
  if (isSame && chosen === 'nested') return checkpoint;
  if (chosen === 'flat') {
    for (const [entry, path] of changed) changed.set(entry, [stepOf(path.map(({ step }) => step).join('.'))]);
  }
  requireDifferentNames(changed);
  const tree = new PyDict();
  const sourceOf = new Map<Entry, Entry>();
  for (const [entry, path] of changed) {
    const made = entryAt(
      entry,
      path.map(({ step }) => step),
    );
    sourceOf.set(made, entry);
    place(tree, made, path);
  }
  return deriveCheckpoint(checkpoint, sourceOf, tree, adapt);
}

export function stepOf(text: string): PathStep {
  return { step: text, key: text };
}

/** The path of every entry with its keys, in the order of the checkpoint. */
function stepsOf({ entries, tree }: Checkpoint): Map<Entry, PathStep[]> {
  const keysOf = new Map<string, readonly PyValue[]>();
  mapLeaves(
    tree,
    (leaf, path, keys) => {
      keysOf.set(pathKey(path), keys);
      return leaf;
    },
    'vanish',
  );
  return new Map(
    entries.map(entry => {
      const keys = keysOf.get(pathKey(entry.path));
      return [entry, entry.path.map((step, i) => ({ step, key: keys?.[i] ?? step }))];
    }),
  );
}

/** Whether whole steps were left out at most, and none was changed. */
function isEndOf(path: readonly PathStep[], old: readonly PathStep[]): boolean {
  const dropped = old.length - path.length;
  return path.every((step, i) => step === old[dropped + i]);
}

function place(tree: PyDict, entry: Entry, path: readonly PathStep[]): void {
  try {
    setElement(tree, entry.path, entry, position => path[position]!.key);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new UsageError('A new name leads through a value of another name', {
      found: entry.fqn,
      hint: 'Use --layout flat: names with dots, in one dict.',
      cause: error,
    });
  }
}

function requireName(entry: Entry, path: readonly PathStep[]): void {
  const text = path.map(({ step }) => step).join('.');
  if (path.length > 0 && text !== '' && typeof path[0]!.step === 'string') return;
  throw new UsageError('An entry is left without a name', {
    expected: 'a name for every entry',
    found: text === '' ? `nothing of ${entry.fqn}` : `only the list position ${text} of ${entry.fqn}`,
    hint: 'Leave it out with --exclude, or rename it another way.',
  });
}

/** Names are compared as text: that is what DCP and safetensors know them by. */
function requireDifferentNames(paths: ReadonlyMap<Entry, readonly PathStep[]>): void {
  const byName = new Map<string, Entry>();
  const clashes: string[] = [];
  for (const [entry, path] of paths) {
    const name = path.map(({ step }) => step).join('.');
    const known = byName.get(name);
    if (known === undefined) byName.set(name, entry);
    else clashes.push(`${known.fqn} and ${entry.fqn} are both ${name}`);
  }
  if (clashes.length === 0) return;
  const more = clashes.length > MAX_CLASHES ? [`${clashes.length - MAX_CLASHES} more`] : [];
  throw new UsageError('Entries get the same name', {
    expected: 'a name of its own for every entry',
    found: [...clashes.slice(0, MAX_CLASHES), ...more].join('; '),
    hint: 'Leave one of them out with --exclude, or rename it another way.',
  });
}

const MAX_CLASHES = 3;
