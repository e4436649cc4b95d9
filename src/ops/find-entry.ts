import type { Checkpoint, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import type { TensorSource } from '../checkpoint/gather.js';
import { UsageError } from '../errors.js';
import { tensorsInObjects } from '../torch/object-tensors.js';
import { globMatcher } from './glob.js';
import { suggest } from './suggest.js';

/** A value of a checkpoint that was asked for by name: a tensor and where its bytes are, or an object. */
export type FoundEntry =
  | { kind: 'tensor'; entry: TensorEntry; source: TensorSource }
  | { kind: 'object'; entry: ObjectEntry };

/**
 * The entry of this name, ready to be read: its chunks resolved, its object loaded. `FQN!path` names a tensor inside an
 * object, as `rng!['cuda'][0]`.
 * @throws UsageError with a suggestion where there is none; what resolving and loading throw.
 */
export async function findEntry(checkpoint: Checkpoint, fqn: string): Promise<FoundEntry> {
  const entry = checkpoint.entries.find(candidate => candidate.fqn === fqn);
  if (entry?.kind === 'tensor') {
    await checkpoint.resolve([entry]);
    return { kind: 'tensor', entry, source: checkpoint };
  }
  if (entry?.kind === 'object') {
    await checkpoint.loadObjects([entry]);
    return { kind: 'object', entry };
  }
  const holder = checkpoint.entries.find(candidate => fqn.startsWith(`${candidate.fqn}!`));
  if (holder?.kind !== 'object') {
    throw nothingOfThisName(
      checkpoint.path,
      fqn,
      checkpoint.entries.map(candidate => candidate.fqn),
    );
  }
  await checkpoint.loadObjects([holder]);
  await checkpoint.resolve([]);
  const tensors = tensorsInObjects(checkpoint, [holder]);
  const inner = tensors.entries.find(candidate => candidate.fqn === fqn);
  if (inner !== undefined) return { kind: 'tensor', entry: inner, source: tensors };
  throw nothingOfThisName(
    checkpoint.path,
    fqn,
    tensors.entries.map(candidate => candidate.fqn),
  );
}

const MAX_SHOWN = 3;

/** Whether a name is below another one: `model.norm.weight` is below `model.norm`. */
export function isBelow(above: string, fqn: string): boolean {
  return fqn.startsWith(`${above}.`);
}

/** The error where nothing has a name, with what was most likely meant. */
export function nothingOfThisName(path: string, fqn: string, known: readonly string[]): UsageError {
  return new UsageError('The checkpoint has nothing of this name', {
    found: fqn,
    path,
    hint: hintFor(path, fqn, known),
  });
}

function hintFor(path: string, fqn: string, known: readonly string[]): string {
  const below = known.filter(name => isBelow(fqn, name));
  if (below.length > 0) return `${namesText(below, 'begin with it', 'begins with it')}`;
  const [, sliced, slice] = /^(.+?)\[([^'"]*)\]$/.exec(fqn) ?? [];
  if (sliced !== undefined && known.includes(sliced))
    return `Did you mean ${sliced} with --slice '${slice}'?`;
  const nearest = suggest(fqn, known);
  if (nearest !== undefined) return `Did you mean ${nearest}?`;
  const pattern = `*${fqn.replace(/^\*|\*$/g, '')}*`;
  const within = known.filter(globMatcher([pattern]));
  return within.length > 0
    ? `${namesText(within, 'have it in them', 'has it in it')}; --keys '${pattern}' lists them`
    : `dcp inspect ${path} --all lists all names.`;
}

function namesText(names: readonly string[], several: string, one: string): string {
  const shown = `${names.slice(0, MAX_SHOWN).join(', ')}${names.length > MAX_SHOWN ? ', …' : ''}`;
  return names.length === 1 ? `1 name ${one}: ${shown}` : `${names.length} names ${several}: ${shown}`;
}
