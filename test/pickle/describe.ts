import { PyDict } from '../../src/pickle/dict.js';
import {
  PyByteArray,
  PyFloat,
  PyFrozenSet,
  PyGlobal,
  PyList,
  PyObject,
  PyPersistentId,
  PySet,
  PyStr,
  PyTuple,
  type PyValue,
} from '../../src/pickle/values.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The description that `fixtures/pickle/make_pickles.py` gives of a Python object, of a decoded value. */
export function describe(root: PyValue): unknown {
  const numbers = new Map<PyValue, number>();

  const of = (value: PyValue): unknown => {
    if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
    if (typeof value === 'bigint') return { int: String(value) };
    if (typeof value === 'string') return str(value);
    if (value instanceof PyStr) return str(value.text, value.utf8);
    if (value instanceof PyFloat) {
      return {
        float: [value.high, value.low].map(half => (half >>> 0).toString(16).padStart(8, '0')).join(''),
      };
    }
    if (value instanceof Uint8Array) return { bytes: hex(value) };
    if (value instanceof PyByteArray) return { bytearray: hex(value.bytes) };
    if (value instanceof PyGlobal) return { global: `${value.module} ${value.name}` };
    if (value instanceof PyPersistentId) return { pid: of(value.id) };
    if (value instanceof PyTuple && value.items.length === 0) return { tuple: [] };
    const known = numbers.get(value);
    if (known !== undefined) return { ref: known };
    const id = numbers.size;
    numbers.set(value, id);
    return { id, ...container(value) };
  };

  const container = (value: PyValue): object => {
    if (value instanceof PyTuple) return { tuple: value.items.map(of) };
    if (value instanceof PyList) return { list: value.items.map(of) };
    if (value instanceof PySet) return { set: value.items.map(of) };
    if (value instanceof PyFrozenSet) return { frozenset: value.items.map(of) };
    if (value instanceof PyDict) return { dict: pairs([...value.entries()]) };
    if (!(value instanceof PyObject)) throw new Error(`cannot describe ${String(value)}`);
    const described: Record<string, unknown> = {
      how: value.how,
      callable: of(value.callable),
      args: of(value.args),
    };
    if (value.kwargs !== undefined) described.kwargs = of(value.kwargs);
    if (value.listItems !== undefined) described.items = value.listItems.map(of);
    if (value.dictItems !== undefined) described.pairs = pairs(value.dictItems);
    if (value.stateSetter !== undefined) described.setter = of(value.stateSetter);
    if (value.state !== undefined) described.state = of(value.state);
    return described;
  };

  const pairs = (entries: readonly (readonly [PyValue, PyValue])[]): unknown[] =>
    entries.map(([key, value]) => [of(key), of(value)]);

  return of(root);
}

/** Text with surrogates as a list of code points, as Python has them. */
function str(text: string, utf8?: Uint8Array): unknown {
  if (utf8 !== undefined) return { str: codePointsOf(utf8) };
  const points = [...text].map(character => character.codePointAt(0)!);
  return points.some(point => point >= 0xd800 && point < 0xe000) ? { str: points } : text;
}

/** Code points of well-formed UTF-8 with surrogates, read bit by bit. */
function codePointsOf(utf8: Uint8Array): number[] {
  const bits = [...utf8].map(byte => byte.toString(2).padStart(8, '0'));
  const points: string[] = [];
  for (const byte of bits) {
    if (byte.startsWith('10')) points[points.length - 1] += byte.slice(2);
    else points.push(byte.startsWith('0') ? byte : byte.slice(byte.indexOf('0') + 1));
  }
  return points.map(point => Number.parseInt(point, 2));
}
