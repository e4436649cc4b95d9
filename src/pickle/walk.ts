import { PyDict } from './dict.js';
import { toPythonLiteral } from './literal.js';
import { PyFrozenSet, PyList, PyObject, PySet, PyTuple, type PyValue } from './values.js';

/** A value inside another, and how it is reached: `['optim'][0].state` behind the name of the outer one. */
export interface Walked {
  readonly value: PyValue;
  readonly path: string;
}

/**
 * A value and all values in it, outer ones first, in the order in which pickle writes them; keys of dicts are left
 * out. What stands in several places comes once, at the first. `enters` says of each value whether what is inside
 * it is wanted.
 */
export function* walkValue(root: PyValue, enters: (value: PyValue) => boolean): Generator<Walked> {
  const open: Walked[] = [{ value: root, path: '' }];
  const met = new Set<PyValue>();
  for (let walked = open.pop(); walked !== undefined; walked = open.pop()) {
    const { value, path } = walked;
    if (typeof value === 'object' && value !== null) {
      if (met.has(value)) continue;
      met.add(value);
    }
    yield walked;
    if (!enters(value)) continue;
    const parts = [...partsOf(value)].reverse();
    for (const [step, part] of parts) open.push({ value: part, path: path + step });
  }
}

function* partsOf(value: PyValue): Generator<[step: string, part: PyValue]> {
  if (value instanceof PyTuple || value instanceof PyList) {
    for (const [i, item] of value.items.entries()) yield [`[${i}]`, item];
  } else if (value instanceof PyDict) {
    for (const [key, item] of value.entries()) yield [`[${toPythonLiteral(key)}]`, item];
  } else if (value instanceof PySet || value instanceof PyFrozenSet) {
    for (const item of value.items) yield [` item ${toPythonLiteral(item)}`, item];
  } else if (value instanceof PyObject) {
    yield ['.args', value.args];
    if (value.kwargs !== undefined) yield ['.kwargs', value.kwargs];
    for (const [i, item] of (value.listItems ?? []).entries()) yield [`[${i}]`, item];
    for (const [key, item] of value.dictItems ?? []) yield [`[${toPythonLiteral(key)}]`, item];
    if (value.state !== undefined) yield ['.state', value.state];
  }
}
