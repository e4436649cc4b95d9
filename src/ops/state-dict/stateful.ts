import { UsageError } from '../../errors.js';
import { PyDict } from '../../pickle/dict.js';
import type { PyValue } from '../../pickle/values.js';
import type { StateDict } from './leaves.js';
import { mappingPairs } from './python.js';

/** torch's protocol: what gives its state to be saved and takes it when it has been loaded. */
export interface Stateful {
  stateDict(): StateDict;
  loadStateDict(stateDict: StateDict): void | Promise<void>;
}

export function isStateful(value: unknown): value is Stateful {
  if (typeof value !== 'object' || value === null) return false;
  const { stateDict, loadStateDict } = value as Partial<Stateful>;
  return typeof stateDict === 'function' && typeof loadStateDict === 'function';
}

/** A state dict with the states of what is stateful at its top: that is where torch looks. @throws UsageError */
export function withStates(stateDict: StateDict): Map<unknown, unknown> {
  const pairs = mappingPairs(stateDict);
  if (pairs === undefined) {
    throw new UsageError('A state dict is a mapping', {
      expected: 'a plain object, a Map or a PyDict',
      found: stateDict?.constructor?.name ?? typeof stateDict,
    });
  }
  return new Map(pairs.map(([key, value]) => [key, isStateful(value) ? value.stateDict() : value]));
}

/**
 * Runs `load` on the values of a state dict, with the states in place of what is stateful; then hands each its state,
 * and puts the other values back, which `load` may have replaced. In the order of the keys, as torch does.
 */
export async function withStatefulValues<Result>(
  stateDict: StateDict,
  load: (values: Map<unknown, unknown>) => Promise<Result>,
): Promise<Result> {
  const values = withStates(stateDict);
  const result = await load(values);
  const pairs = mappingPairs(stateDict)!;
  pairs.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  for (const [key, value] of pairs) {
    if (isStateful(value)) await value.loadStateDict(values.get(key) as StateDict);
    else setTop(stateDict, key, values.get(key));
  }
  return result;
}

function setTop(stateDict: StateDict, key: unknown, value: unknown): void {
  if (stateDict instanceof Map) stateDict.set(key, value);
  else if (stateDict instanceof PyDict) stateDict.set(key as PyValue, value as PyValue);
  else (stateDict as Record<string, unknown>)[key as string] = value;
}
