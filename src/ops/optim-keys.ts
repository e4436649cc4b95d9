import type { Checkpoint, EntryPath, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { type PathStep, renameEntries, stepOf } from '../checkpoint/rename.js';
import { pathKey } from '../checkpoint/select.js';
import { findTies } from '../checkpoint/ties.js';
import { UsageError } from '../errors.js';
import { PyList, type PyValue, textOf } from '../pickle/values.js';
import { modelTensors } from './parts.js';

/** Whether an object of this path lists parameters: `param_groups[i]['params']`, and torch's own `param_names`. */
export function isParameterList(path: EntryPath): boolean {
  const [groups, position, field] = path.slice(-3);
  return (
    groups === 'param_groups' &&
    typeof position === 'number' &&
    (field === 'params' || field === 'param_names')
  );
}

/** What an optimizer calls its parameters, by the id that it has given them. */
type NamesById = ReadonlyMap<number, string>;

/**
 * Gives the states of plain optimizers the FQNs of their parameters for keys, as `get_optimizer_state_dict` of torch
 * does, which is what a sharded training resumes from. A plain optimizer numbers its parameters: by their order in
 * the model, or as its own `param_names` (torch 2.6) say. Reads the lists of parameters.
 *
 * @throws UsageError where there is no such optimizer; where its parameters and those of the model differ in number or
 * shape; and where several groups leave their order open.
 */
export async function keyOptimizersByFqn(checkpoint: Checkpoint): Promise<Checkpoint> {
  const lists = checkpoint.entries.filter(
    (entry): entry is ObjectEntry => entry.kind === 'object' && isParameterList(entry.path),
  );
  await checkpoint.loadObjects(lists);
  const roots = new Map(lists.map(({ path }) => [pathKey(path.slice(0, -3)), path.slice(0, -3)]));
  const namesOf = new Map<string, NamesById>();
  for (const [key, root] of roots) {
    const own = lists.filter(({ path }) => pathKey(path.slice(0, -3)) === key);
    const names = await namesOfOptimizer(checkpoint, root, own);
    if (names !== undefined) namesOf.set(key, names);
  }
  if (namesOf.size === 0) {
    throw new UsageError('No optimizer whose param_groups name its parameters by int was found', {
      hint: 'Leave --optim-keys out: optimizers of sharded trainings name them by FQN already.',
      path: checkpoint.path,
    });
  }
  const rekey = (path: readonly PathStep[]): readonly PathStep[] => {
    const at = path.findIndex(
      ({ step }, i) => step === 'state' && namesOf.has(pathKey(path.slice(0, i).map(each => each.step))),
    );
    if (at < 0 || at + 1 >= path.length) return path;
    const names = namesOf.get(pathKey(path.slice(0, at).map(each => each.step)))!;
    const name = names.get(Number(path[at + 1]!.step))!;
    return [...path.slice(0, at + 1), stepOf(name), ...path.slice(at + 2)];
  };
  return renameEntries(checkpoint, rekey, {
    layout: 'nested',
    adapt({ path }, value) {
      const names = isParameterList(path) ? namesOf.get(pathKey(path.slice(0, -3))) : undefined;
      if (names === undefined || path.at(-1) !== 'params') return value;
      return new PyList(itemsOf(value).map(id => names.get(id as number)!));
    },
  });
}

/** Undefined for an optimizer that names its parameters otherwise than by ints. */
async function namesOfOptimizer(
  checkpoint: Checkpoint,
  root: EntryPath,
  lists: readonly ObjectEntry[],
): Promise<NamesById | undefined> {
  const fqn = root.join('.') || 'the optimizer';
  const groups = lists.filter(({ path }) => path.at(-1) === 'params');
  const ids = groups.flatMap(({ value }) => itemsOf(value));
  if (ids.length === 0 || !ids.every((id): id is number => typeof id === 'number')) return undefined;
  const names = lists
    .filter(({ path }) => path.at(-1) === 'param_names')
    .flatMap(({ value }) => itemsOf(value))
    .flatMap(name => textOf(name) ?? []);
  if (names.length === ids.length) {
    const result = new Map(ids.map((id, i) => [id, names[i]!]));
    requireShapes(checkpoint, root, fqn, result, undefined);
    return result;
  }
  if (groups.length > 1) {
    throw new UsageError('The order of the parameters of an optimizer with several groups is not known', {
      expected: 'one group, or param_names in every group',
      found: `${groups.length} groups of ${fqn}`,
      path: checkpoint.path,
    });
  }
  const parameters = await parametersOf(checkpoint);
  if (parameters.length !== ids.length) {
    throw new UsageError('The optimizer and the model have different numbers of parameters', {
      expected: `${ids.length}, as the param_groups of ${fqn} list`,
      found: `${parameters.length} in the model`,
      path: checkpoint.path,
    });
  }
  const result = new Map(ids.map((id, i) => [id, parameters[i]!.name]));
  requireShapes(checkpoint, root, fqn, result, new Map(parameters.map(({ name, entry }) => [name, entry])));
  return result;
}

/** What torch's normalisation layers keep beside their parameters. */
const BUFFER_NAME = /(^|\.)(running_mean|running_var|num_batches_tracked)$/;

/** The tensors of the model that an optimizer is given: each once, without integers and the buffers of norms. */
async function parametersOf(checkpoint: Checkpoint): Promise<{ entry: TensorEntry; name: string }[]> {
  const tensors = modelTensors(checkpoint).filter(
    ({ entry, name }) =>
      (entry.dtype.kind === 'float' || entry.dtype.kind === 'complex') && !BUFFER_NAME.test(name),
  );
  const entries = tensors.map(({ entry }) => entry);
  await checkpoint.resolve(entries);
  const again = new Set(findTies(checkpoint, entries).flatMap(({ others }) => others));
  return tensors.filter(({ entry }) => !again.has(entry));
}

/** @throws UsageError for a state of no parameter, and for a tensor in it of another shape than its parameter. */
function requireShapes(
  { entries, path }: Checkpoint,
  root: EntryPath,
  fqn: string,
  names: NamesById,
  parameters: ReadonlyMap<string, TensorEntry> | undefined,
): void {
  const shapes = new Map<string, { shape: readonly number[]; of: string }>();
  for (const [name, entry] of parameters ?? []) shapes.set(name, { shape: entry.shape, of: entry.fqn });
  for (const entry of entries) {
    if (entry.path[root.length] !== 'state' || !root.every((step, i) => entry.path[i] === step)) continue;
    const id = entry.path[root.length + 1];
    const name = /^\d+$/.test(String(id)) ? names.get(Number(id)) : undefined;
    if (name === undefined) {
      throw new UsageError('The optimizer has the state of a parameter that it does not list', {
        expected: `an id of the param_groups of ${fqn}`,
        found: `${id}`,
        fqn: entry.fqn,
        path,
      });
    }
    if (entry.kind !== 'tensor' || entry.shape.length === 0) continue;
    const known = shapes.get(name);
    if (known === undefined) shapes.set(name, { shape: entry.shape, of: entry.fqn });
    else if (known.shape.join() !== entry.shape.join()) {
      throw new UsageError('The optimizer and the model have parameters of different shapes', {
        expected: `[${known.shape.join(', ')}], as ${known.of}`,
        found: `[${entry.shape.join(', ')}]`,
        fqn: entry.fqn,
        path,
      });
    }
  }
}

function itemsOf(value: PyValue | undefined): readonly PyValue[] {
  return value instanceof PyList ? value.items : [];
}
