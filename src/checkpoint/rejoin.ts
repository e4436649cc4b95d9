import { FormatError, withContext } from '../errors.js';
import { PyDict } from '../pickle/dict.js';
import { PyList, type PyObject, type PyValue } from '../pickle/values.js';
import { type EntryPath, ObjectEntry, TensorEntry } from './checkpoint.js';
import { isMapping, keyText, mappingEntries } from './flatten.js';

type Mapping = PyDict | PyObject;

/**
 * Puts tensors that are known by FQN only back into the tree that was left when they were taken out of a state dict
 * (`pruneTree` with `stay`): its containers tell which dots of a name part it.
 *
 * Of several readings the one through the longest keys counts. A name that leads into no container stays whole, as
 * a key of the root.
 */
export class TreeJoiner {
  /** By text of the key. Looking ints up in a mapping would walk it for every tensor. */
  private readonly children = new Map<Mapping, Map<string, PyValue>>();

  constructor(private readonly tree: Mapping) {}

  /** @throws FormatError where something else has the name already. */
  pathOf(fqn: string): EntryPath {
    // At the root every name has a place.
    return withContext({ fqn }, () => this.find(this.tree, fqn)) ?? [fqn];
  }

  /** Changes the containers of the tree. The path must come from {@link pathOf}. */
  put(path: EntryPath, value: PyValue): void {
    let container: PyValue = this.tree;
    for (const step of path.slice(0, -1)) {
      container =
        container instanceof PyList
          ? container.items[step as number]!
          : this.childrenOf(container as Mapping).get(step as string)!;
    }
    const last = path.at(-1)!;
    if (container instanceof PyList) {
      container.items[last as number] = value;
      return;
    }
    const mapping = container as Mapping;
    if (mapping instanceof PyDict) mapping.set(last as string, value);
    else (mapping.dictItems ??= []).push([last as string, value]);
    this.childrenOf(mapping).set(last as string, value);
  }

  /** The path of `name` below a container; undefined where it has no place there. */
  private find(container: Mapping | PyList, name: string): EntryPath | undefined {
    if (container instanceof PyList) return this.findInList(container, name);
    const children = this.childrenOf(container);
    for (let end = name.lastIndexOf('.'); end >= 0; end = end === 0 ? -1 : name.lastIndexOf('.', end - 1)) {
      const key = name.slice(0, end);
      const child = children.get(key);
      const rest =
        child !== undefined && isContainer(child) ? this.find(child, name.slice(end + 1)) : undefined;
      if (rest !== undefined) return [key, ...rest];
    }
    if (children.has(name)) throw taken();
    return [name];
  }

  private findInList({ items }: PyList, name: string): EntryPath | undefined {
    const dot = name.indexOf('.');
    const step = dot < 0 ? name : name.slice(0, dot);
    const position = /^(0|[1-9]\d{0,8})$/.test(step) ? Number(step) : -1;
    const item = items[position];
    if (item === undefined) return undefined;
    if (dot < 0 && !isContainer(item)) throw taken();
    if (dot < 0) return isEmptyMapping(item) ? [position] : undefined;
    if (!isContainer(item)) return undefined;
    const rest = this.find(item, name.slice(dot + 1));
    return rest && [position, ...rest];
  }

  private childrenOf(mapping: Mapping): Map<string, PyValue> {
    let children = this.children.get(mapping);
    if (children === undefined) {
      children = new Map(mappingEntries(mapping).map(([key, item]) => [keyText(key), item]));
      this.children.set(mapping, children);
    }
    return children;
  }
}

function taken(): FormatError {
  return new FormatError('Two values of the checkpoint have the same name');
}

function isContainer(value: PyValue): value is Mapping | PyList {
  if (value instanceof TensorEntry || value instanceof ObjectEntry) return false;
  return value instanceof PyList || isMapping(value);
}

function isEmptyMapping(value: PyValue): boolean {
  return isMapping(value) && mappingEntries(value).length === 0;
}
