import { bytesOfLatin1Text } from './strings.js';
import {
  PyByteArray,
  PyFrozenSet,
  PyList,
  PySet,
  PyStr,
  type PyTuple,
  type PyValue,
  textOf,
} from './values.js';

/**
 * Values that pickle has no opcode for below protocol 3 to 5 are written as calls. These calls are read as the
 * values that they make; the encoder writes the same calls again.
 *
 * | value      | call                                                              |
 * | ---------- | ----------------------------------------------------------------- |
 * | bytes      | `_codecs.encode(text, 'latin1')`; `builtins.bytes()` if empty      |
 * | bytearray  | `builtins.bytearray(bytes)`, with nothing if empty; `(text, 'latin-1')` before Python 3.8 |
 * | set        | `builtins.set([…])`                                               |
 * | frozenset  | `builtins.frozenset([…])`                                         |
 *
 * `isShared` tells whether something else in the pickle refers to a list or tuple too: then the call stays a
 * call, or the list would lose its identity.
 */
export type Fold = (args: PyTuple, isShared: (value: PyValue) => boolean) => PyValue | undefined;

export const FOLDS: ReadonlyMap<string, Fold> = new Map<string, Fold>([
  [
    '_codecs.encode',
    ({ items: [text, codec, ...rest] }) =>
      isText(text) && textOf(codec) === 'latin1' && rest.length === 0 ? bytesOfLatin1Text(text) : undefined,
  ],
  ['builtins.bytes', ({ items }) => (items.length === 0 ? new Uint8Array(0) : undefined)],
  ['builtins.bytearray', ({ items }) => foldByteArray(items)],
  ['builtins.set', (args, isShared) => foldItems(args, isShared, items => new PySet(items))],
  ['builtins.frozenset', (args, isShared) => foldItems(args, isShared, items => new PyFrozenSet(items))],
]);

function isText(value: PyValue | undefined): value is string | PyStr {
  return typeof value === 'string' || value instanceof PyStr;
}

function foldByteArray([source, codec, ...rest]: readonly PyValue[]): PyByteArray | undefined {
  if (source === undefined) return new PyByteArray(new Uint8Array(0));
  if (rest.length > 0) return undefined;
  if (codec === undefined) return source instanceof Uint8Array ? new PyByteArray(source) : undefined;
  if (!isText(source) || textOf(codec) !== 'latin-1') return undefined;
  const bytes = bytesOfLatin1Text(source);
  return bytes === undefined ? undefined : new PyByteArray(bytes);
}

function foldItems<T>(
  args: PyTuple,
  isShared: (value: PyValue) => boolean,
  make: (items: PyValue[]) => T,
): T | undefined {
  const [list] = args.items;
  if (args.items.length !== 1 || !(list instanceof PyList)) return undefined;
  return isShared(args) || isShared(list) ? undefined : make(list.items);
}
