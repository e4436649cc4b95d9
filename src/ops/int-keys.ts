import { ObjectEntry } from '../checkpoint/checkpoint.js';
import { UsageError } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import { PyList, type PyValue, textOf } from '../pickle/values.js';

/**
 * Gives plain optimizers back the int keys that DCP turned into text: in every mapping with `state` and
 * `param_groups`, the keys of `state` that `param_groups[*].params` name as ints. Torch's optimizers look states
 * up by int, and silently start afresh for what they do not find. Objects must be loaded.
 *
 * @returns a tree of its own where something changed; entries are shared.
 * @throws UsageError where there is no optimizer of this kind.
 */
export function restoreIntKeys(tree: PyDict): PyDict {
  let restored = 0;
  const visit = (value: PyValue): PyValue => {
    if (value instanceof PyList) return new PyList(value.items.map(visit));
    if (!(value instanceof PyDict)) return value;
    const ids = optimizerIds(value);
    return PyDict.of(
      [...value.entries()].map(([key, item]): [PyValue, PyValue] => {
        if (ids === undefined || textOf(key) !== 'state' || !(item instanceof PyDict))
          return [key, visit(item)];
        restored++;
        return [key, withIntKeys(item, ids)];
      }),
    );
  };
  const result = visit(tree) as PyDict;
  if (restored === 0) {
    throw new UsageError('No optimizer whose param_groups name its parameters by int was found', {
      hint: 'Leave --restore-int-keys out: these keys are text in torch too.',
    });
  }
  return result;
}

/** The ints in `param_groups[*].params`, if all of them are ints. */
function optimizerIds(optimizer: PyDict): ReadonlySet<number> | undefined {
  const groups = unwrap(optimizer.getText('param_groups'));
  if (!(groups instanceof PyList) || optimizer.getText('state') === undefined) return undefined;
  const ids = new Set<number>();
  for (const group of groups.items) {
    const fields = unwrap(group);
    const params = fields instanceof PyDict ? unwrap(fields.getText('params')) : undefined;
    if (!(params instanceof PyList)) return undefined;
    for (const id of params.items) {
      if (typeof id !== 'number') return undefined;
      ids.add(id);
    }
  }
  return ids;
}

function unwrap(value: PyValue | undefined): PyValue | undefined {
  return value instanceof ObjectEntry ? value.value : value;
}

function withIntKeys(state: PyDict, ids: ReadonlySet<number>): PyDict {
  return PyDict.of(
    [...state.entries()].map(([key, item]): [PyValue, PyValue] => {
      const text = textOf(key);
      const id = text !== undefined && /^(0|[1-9]\d*)$/.test(text) ? Number(text) : undefined;
      return [id !== undefined && ids.has(id) ? id : key, item];
    }),
  );
}
