import { FormatError, UnsupportedError } from '../errors.js';
import { PyGlobal, PyList, PyTuple, type PyValue, textOf } from '../pickle/values.js';

/** What a persistent id of a torch pickle stands for. Source: `persistent_id` in torch/serialization.py. */
export type PersistentId =
  | StorageId
  /** A class of modules, when a legacy file names it for the first time; its source text goes with it. */
  | { kind: 'class'; class: PyGlobal };

/**
 * `("storage", <storage class>, <key>, <location>, <element count>)`, in the legacy container with a sixth member.
 * An untyped storage counts bytes.
 */
export interface StorageId {
  kind: 'storage';
  classModule: string;
  className: string;
  key: string;
  location: string;
  elementCount: number;
  /** A part of the storage, in its elements: only files from before torch 0.4 or so have any. */
  view?: { key: string; offset: number; elementCount: number };
}

/** @throws FormatError, UnsupportedError where the id is not one that torch writes. */
export function decodePersistentId(id: PyValue): PersistentId {
  const items = id instanceof PyTuple ? id.items : itemsOfText(id);
  const tag = textOf(items?.[0]);
  if (items !== undefined && tag === 'storage') return storageId(items);
  if (items !== undefined && tag === 'module') return moduleClass(items);
  throw new UnsupportedError('The pickle refers to something outside it that is not a storage', {
    expected: 'a tuple that begins with "storage"',
  });
}

function storageId([, storageClass, key, location, elementCount, view]: readonly PyValue[]): StorageId {
  const keyText = textOf(key);
  const locationText = textOf(location);
  if (
    !(storageClass instanceof PyGlobal) ||
    keyText === undefined ||
    locationText === undefined ||
    !isCount(elementCount)
  ) {
    throw new FormatError('A storage is referred to in a way that torch does not write', {
      expected: '("storage", class, key, location, element count)',
    });
  }
  return {
    kind: 'storage',
    classModule: storageClass.module,
    className: storageClass.name,
    key: keyText,
    location: locationText,
    elementCount,
    ...(view === undefined || view === null ? {} : { view: storageView(view, elementCount) }),
  };
}

function storageView(view: PyValue, elementCount: number): NonNullable<StorageId['view']> {
  const items = view instanceof PyTuple || view instanceof PyList ? view.items : [];
  const [key, offset, count] = items;
  const keyText = textOf(key);
  if (items.length !== 3 || keyText === undefined || !isCount(offset) || !isCount(count)) {
    throw new FormatError('A part of a storage is referred to in a way that torch does not write', {
      expected: '(key, offset, element count)',
    });
  }
  if (offset + count > elementCount) {
    throw new FormatError('A part of a storage reaches past its end', {
      expected: `${elementCount} elements at most`,
      found: `${offset + count} elements`,
    });
  }
  return { key: keyText, offset, elementCount: count };
}

/** `("module", <class>, <source file>, <source text>)`: the last two may be None. */
function moduleClass([, moduleClassGlobal]: readonly PyValue[]): PersistentId {
  if (moduleClassGlobal instanceof PyGlobal) return { kind: 'class', class: moduleClassGlobal };
  throw new FormatError('A class is referred to in a way that torch does not write', {
    expected: '("module", class, source file, source)',
  });
}

/**
 * Under protocol 0 the pickler writes the id as `str()` of the tuple. Torch cannot load that; it says everything
 * all the same.
 */
const ID_AS_TEXT =
  /^\('storage', <class '([\w.]+)\.(\w+)'>, '([^'\\]+)', '([^'\\]+)', (\d+)(?:, (?:None|\('([^'\\]+)', (\d+), (\d+)\)))?\)$/;

function itemsOfText(id: PyValue): readonly PyValue[] | undefined {
  const match = ID_AS_TEXT.exec(textOf(id) ?? '');
  if (match === null) return undefined;
  const [, module, name, key, location, count, viewKey, offset, viewCount] = match;
  const view = viewKey === undefined ? null : new PyTuple([viewKey, Number(offset), Number(viewCount)]);
  return ['storage', new PyGlobal(module!, name!), key!, location!, Number(count), view];
}

function isCount(value: PyValue | undefined): value is number {
  return typeof value === 'number' && value >= 0 && Number.isSafeInteger(value);
}
