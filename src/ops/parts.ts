import type { Checkpoint, Entry, TensorEntry } from '../checkpoint/checkpoint.js';
import { selectEntries } from '../checkpoint/select.js';
import { UsageError } from '../errors.js';

/** Which entries of a training state: the weights, the optimizer's state, or everything. */
export type Part = 'model' | 'optim' | 'all';

/** What an entry is part of. `other` is neither: schedulers, data loaders, random states, and what is unnamed. */
export type EntryPart = 'model' | 'optim' | 'other';

/** Keys under which trainers keep an optimizer: torch's tutorials, torchtitan, accelerate, Lightning, Megatron, … */
const OPTIM_KEY = /^optim(izer)?s?(_states?)?(_dict)?$/i;
const MODEL_KEY = /^(model(_state)?(_dict)?|module|state_dict)$/i;
/** What trainers keep beside both. */
const OTHER_KEY =
  /^((lr_)?schedulers?|lr_schedulers|dataloader|train_state|trainer|rng(_states?)?|callbacks|loops|hparams)$/i;
/** A name on which the two keys of an optimizer's own state dict stand. */
const OPTIM_STATE_KEYS = ['state', 'param_groups'] as const;

/**
 * The wanted part of a checkpoint, as {@link entryParts} tells.
 * @throws UsageError where there is nothing of the part.
 */
export function selectPart(checkpoint: Checkpoint, part: Part): Checkpoint {
  if (part === 'all') return checkpoint;
  const { entries } = checkpoint;
  const partOf = entryParts(entries);
  const selected = selectEntries(checkpoint, entry => partOf(entry) === part);
  if (selected.entries.length > 0) return selected;
  const roots = rootsOf(entries);
  const found = [...roots].slice(0, 8).join(', ') + (roots.size > 8 ? ', …' : '');
  throw new UsageError(`The checkpoint has no part "${part}"`, {
    expected:
      part === 'optim' ? 'a key such as optim or optimizer' : 'a key such as model, or tensors elsewhere',
    found: found === '' ? 'no entries' : found,
    path: checkpoint.path,
  });
}

/**
 * What each entry of a state dict is part of, told by the first keys of its path: that of a model or an optimizer is
 * the first one, or the second (`{"app": {"model": …}}`). Where no key says "model", the model is every tensor that is
 * neither of an optimizer nor of anything else that trainers keep. Where there is nothing of these either, it is every
 * tensor: of a bare state dict only some names begin with "model" (`model.layers.0…` beside `lm_head.weight`).
 */
export function entryParts(entries: readonly Entry[]): (entry: Entry) => EntryPart {
  const roots = rootsOf(entries);
  if (OPTIM_STATE_KEYS.every(key => roots.has(key))) return () => 'optim';
  const present = new Set(entries.map(kindOf));
  const isTrainingState = present.has('optim') || present.has('other');
  const isUnnamedModel = !(present.has('model') && isTrainingState);
  return entry => {
    const kind = kindOf(entry);
    if (kind !== 'unnamed') return kind;
    return isUnnamedModel && entry.kind === 'tensor' ? 'model' : 'other';
  };
}

/**
 * The tensors of the model, and their names in it: what stands behind the key that says so.
 * @throws UsageError where there is no model, or where several keys say that they are one.
 */
export function modelTensors(checkpoint: Checkpoint): { entry: TensorEntry; name: string }[] {
  const roots = new Set<string>();
  const tensors = selectPart(checkpoint, 'model').entries.flatMap(entry => {
    if (entry.kind !== 'tensor') return [];
    const steps = entry.fqn.split('.');
    const root = steps.slice(0, steps.slice(0, 2).findIndex(step => MODEL_KEY.test(step)) + 1);
    roots.add(root.join('.'));
    return [{ entry, name: steps.slice(root.length).join('.') }];
  });
  if (roots.size < 2) return tensors;
  throw new UsageError('The checkpoint has several models', {
    found: [...roots].join(', '),
    path: checkpoint.path,
    hint: 'Choose one of them with --include or --exclude.',
  });
}

function rootsOf(entries: readonly Entry[]): Set<string> {
  return new Set(entries.map(entry => stepsOf(entry)[0]!));
}

function kindOf(entry: Entry): EntryPart | 'unnamed' {
  for (const step of stepsOf(entry)) {
    if (OPTIM_KEY.test(step)) return 'optim';
    if (MODEL_KEY.test(step)) return 'model';
    if (OTHER_KEY.test(step)) return 'other';
  }
  return 'unnamed';
}

/** The first two. Names of safetensors and of flat checkpoints hold the path in one text. */
function stepsOf({ fqn }: Entry): string[] {
  return fqn.split('.', 2);
}
