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
 * out, and so is what is neither a container nor an object: numbers, text, None. What stands in several places comes
 * once, at the first. `enters` says of each value whether what is inside it is wanted.
 */
export function* walkValue(root: PyValue, enters: (value: PyValue) => boolean): Generator<Walked> {
  const open: Walked[] = isPlain(root) ? [] : [{ value: root, path: '' }];
  const met = new Set<PyValue>();
  for (let walked = open.pop(); walked !== undefined; walked = open.pop()) {
    if (met.has(walked.value)) continue;
    met.add(walked.value);
    yield walked;
    if (!enters(walked.value)) continue;
    const parts = partsOf(walked);
    for (let i = parts.length - 1; i >= 0; i--) open.push(parts[i]!);
  }
}

function isPlain(value: PyValue): boolean {
  return typeof value !== 'object' || value === null;
}

function partsOf({ value, path }: Walked): Walked[] {
  const parts: Walked[] = [];
  // Steps are put into words only where they lead to something: there are lists of a million numbers.
  const add = (part: PyValue, step: string): void => void parts.push({ value: part, path: path + step });
  const addItems = (items: readonly PyValue[]): void => {
    for (let i = 0; i < items.length; i++) if (!isPlain(items[i]!)) add(items[i]!, `[${i}]`);
  };
  const addEntries = (entries: Iterable<readonly [PyValue, PyValue]>): void => {
    for (const [key, item] of entries) if (!isPlain(item)) add(item, `[${toPythonLiteral(key)}]`);
  };
  if (value instanceof PyTuple || value instanceof PyList) addItems(value.items);
  else if (value instanceof PyDict) addEntries(value.entries());
  else if (value instanceof PySet || value instanceof PyFrozenSet) {
    for (const item of value.items) if (!isPlain(item)) add(item, ` item ${toPythonLiteral(item)}`);
  } else if (value instanceof PyObject) {
    const { args, kwargs, listItems, dictItems, state } = value;
    add(args, '.args');
    if (kwargs !== undefined) add(kwargs, '.kwargs');
    if (listItems !== undefined) addItems(listItems);
    if (dictItems !== undefined) addEntries(dictItems);
    if (state !== undefined && !isPlain(state)) add(state, '.state');
  }
  return parts;
}
