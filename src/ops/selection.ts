import type { Checkpoint, Entry, ObjectEntry } from '../checkpoint/checkpoint.js';
import {
  addPrefix,
  cleanFqn,
  cleanPath,
  renameText,
  stripPrefix,
  unwrapPath,
} from '../checkpoint/path-changes.js';
import { type Layout, type PathChange, renameEntries } from '../checkpoint/rename.js';
import { selectEntries } from '../checkpoint/select.js';
import { UsageError } from '../errors.js';
import { PyList, type PyValue, textOf } from '../pickle/values.js';
import { globMatcher } from './glob.js';
import { isParameterList } from './optim-keys.js';
import { parseRenames } from './rename.js';
import { requireMatches } from './wanted-keys.js';

/** Which entries, and under which names. All but the first two apply in the order in which they stand here. */
export interface SelectionOptions {
  /** Globs of FQNs as the source has them: only these. */
  include?: readonly string[] | undefined;
  /** Globs of FQNs as the source has them: not these. */
  exclude?: readonly string[] | undefined;
  /** Leave out the one key that everything stands under. */
  unwrap?: boolean | undefined;
  /** Take the names of wrapper modules out: DDP, torch.compile, FSDP, activation checkpointing. */
  cleanFqns?: boolean | undefined;
  stripPrefix?: string | undefined;
  addPrefix?: string | undefined;
  /** Substitutions of FQNs in sed's notation, one after the other. */
  rename?: readonly string[] | undefined;
  /** How renamed entries nest. Default: as before where no key got another text, in one flat dict otherwise. */
  layout?: Layout | undefined;
}

/**
 * The entries that globs choose.
 * @throws UsageError for a glob that matches nothing, and where nothing is left.
 */
export function selectByGlobs(
  checkpoint: Checkpoint,
  { include, exclude }: Pick<SelectionOptions, 'include' | 'exclude'>,
): Checkpoint {
  if (include === undefined && exclude === undefined) return checkpoint;
  const names = checkpoint.entries.map(({ fqn }) => fqn);
  requireMatches('--include', include ?? [], names);
  requireMatches('--exclude', exclude ?? [], names);
  const isIncluded = include === undefined ? () => true : globMatcher(include);
  const isExcluded = globMatcher(exclude ?? []);
  const selected = selectEntries(checkpoint, ({ fqn }) => isIncluded(fqn) && !isExcluded(fqn));
  if (selected.entries.length > 0) return selected;
  throw new UsageError('Nothing is left of the checkpoint', {
    expected: 'an entry that is included and not excluded',
    path: checkpoint.path,
  });
}

/**
 * The checkpoint under other names.
 * @throws UsageError for an option that changes nothing, two entries of one name, an entry without any.
 */
export function renameBySelection(checkpoint: Checkpoint, options: SelectionOptions): Checkpoint {
  const { layout, cleanFqns = false } = options;
  const changes: PathChange[] = [];
  if (options.unwrap === true) {
    requireOneRoot(checkpoint);
    changes.push(unwrapPath);
  }
  if (cleanFqns) changes.push(cleanPath);
  const { stripPrefix: stripped, addPrefix: added, rename } = options;
  requirePrefix('--strip-prefix', stripped);
  requirePrefix('--add-prefix', added);
  if (stripped !== undefined) changes.push(counted(stripPrefix(stripped), `--strip-prefix ${stripped}`));
  if (added !== undefined) changes.push(addPrefix(added));
  for (const text of rename ?? [])
    changes.push(counted(renameText(parseRenames([text])), `--rename ${text}`));
  if (changes.length === 0 && layout === undefined) return checkpoint;
  const renamed = renameEntries(
    checkpoint,
    path => changes.reduce((changed, change) => change(changed), path),
    { layout, ...(cleanFqns ? { adapt: withCleanNames } : {}) },
  );
  for (const change of changes) (change as CountedChange).requireUse?.(checkpoint);
  return renamed;
}

/** `params` and `param_names` of an optimizer's param_groups name parameters too. */
function withCleanNames({ path }: ObjectEntry, value: PyValue): PyValue {
  if (!isParameterList(path) || !(value instanceof PyList)) return value;
  return new PyList(
    value.items.map(item => {
      const text = textOf(item);
      const clean = text === undefined ? '' : cleanFqn(text);
      return clean === '' || clean === text ? item : clean;
    }),
  );
}

interface CountedChange extends PathChange {
  /** @throws UsageError if no path was changed. */
  requireUse?(checkpoint: Checkpoint): void;
}

/** The change, which remembers whether it ever changed a path. */
function counted(change: PathChange, option: string): CountedChange {
  let used = false;
  const wrapped: CountedChange = path => {
    const next = change(path);
    used ||= next !== path;
    return next;
  };
  wrapped.requireUse = ({ entries }) => {
    if (used) return;
    throw new UsageError(`${option} matches nothing`, {
      expected: 'a name that it changes',
      found: `${entries.length} other names, the first ${entries[0]?.fqn ?? 'none'}`,
    });
  };
  return wrapped;
}

function requirePrefix(option: string, prefix: string | undefined): void {
  if (prefix === undefined || (prefix !== '' && prefix !== '.')) return;
  throw new UsageError(`${option} needs a prefix`, { found: prefix });
}

function requireOneRoot({ entries, path }: Checkpoint): void {
  const roots = new Set(entries.map((entry: Entry) => String(entry.path[0] ?? '')));
  if (roots.size === 1 && entries.every(entry => entry.path.length > 1)) return;
  const shown = [...roots].slice(0, 8);
  throw new UsageError('--unwrap needs one key that everything stands under', {
    found: `${roots.size} at the top: ${shown.join(', ')}${roots.size > shown.length ? ', …' : ''}`,
    path,
    ...(roots.size === 1 ? {} : { hint: 'Choose one of them with --include, or use --strip-prefix.' }),
  });
}
