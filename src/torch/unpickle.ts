import { StorageReference } from '../checkpoint/storage.js';
import { findDType } from '../dtype.js';
import { type ClassHandler, decodePickle } from '../pickle/decode.js';
import { PyGlobal, type PyValue, textOf } from '../pickle/values.js';
import { COMPUTED_GETATTR } from './globals.js';
import type { PickledStorages } from './storages.js';

/**
 * Decodes the pickle of a torch file, with its storages as leaves and strings as torch's loader would have them. It
 * begins at `start`, the first byte where nothing is said.
 * `globals`: all classes and functions that it names, `module.name`; attributes of anything but a class by its
 * public name count as {@link COMPUTED_GETATTR}.
 */
export function unpickleArchive(
  { pickle, start = 0 }: { pickle: Uint8Array; start?: number },
  storages: PickledStorages,
): { value: PyValue; globals: Set<string> } {
  const globals = new Set<string>();
  const getattr: ClassHandler = {
    create: ({ items: [object, name] }) => {
      // Enum members and memory formats are written so. From any other value an attribute can lead anywhere:
      // a function's __globals__ hold the modules that it uses.
      if (!(object instanceof PyGlobal) || (textOf(name) ?? '_').startsWith('_'))
        globals.add(COMPUTED_GETATTR);
      return undefined;
    },
  };
  const { value } = decodePickle(pickle, {
    start,
    // Python 2 had one type for both; numpy takes its data in either form.
    python2Strings: 'utf-8 or bytes',
    keepStringIdentity: 'loaded',
    persistentLoad: id => storages.load(id),
    onGlobal: global => globals.add(global.path),
    classHandlers: new Map([
      ['builtins.getattr', getattr],
      ...(storages.needsElementTypes ? [['torch._utils._rebuild_tensor_v3', notesElementType] as const] : []),
    ]),
  });
  return { value, globals };
}

/** Tensors of types without a storage class name their type themselves; the storage has only bytes. */
const notesElementType: ClassHandler = {
  create: ({ items }) => {
    const [storage, , , , , , type] = items;
    const dtype = type instanceof PyGlobal ? findDType(type.name) : undefined;
    if (!(storage instanceof StorageReference) || dtype === undefined) return undefined;
    const { elementType: known } = storage;
    const agrees = known === undefined || (known !== 'several' && known.swapSize === dtype.swapSize);
    storage.elementType = agrees ? dtype : 'several';
    return undefined;
  },
};
