/** Goldens in a form in which equal means equal: rows of tensors in place, without what is not compared. */
import type { GoldenTensor, GoldenValue } from '../fixtures.js';
import type { Described } from './golden-of.js';

export interface NormalFormOptions {
  /**
   * Leave out what DCP does not keep of a tensor that is a leaf: strides, storage, type. Tensors inside objects
   * keep it all, and their sharing within one object.
   */
  lostInDcp?: boolean;
  /** Leave out the SHA-256 of bytes. */
  withoutBytes?: boolean;
}

export function normalForm({ tensors, tree }: Described, options: NormalFormOptions = {}): unknown {
  const rows = options.withoutBytes === true ? tensors.map(({ sha256: _, ...row }) => row) : tensors;
  return new Normalizer(rows, options.lostInDcp ?? false).value(tree, true);
}

/** Members of a row that DCP does keep. Its index keeps `requires_grad` too, which is compared with the items. */
const KEPT_IN_DCP: (keyof GoldenTensor)[] = ['dtype', 'shape', 'layout', 'device', 'sha256'];

class Normalizer {
  private storages = new Map<number, number>();

  constructor(
    private readonly rows: readonly GoldenTensor[],
    private readonly lostInDcp: boolean,
  ) {}

  /** `atLeaf`: only dicts and lists lie above. */
  value(node: GoldenValue, atLeaf: boolean): unknown {
    if (typeof node !== 'object' || node === null) return node;
    if ('tensor' in node) return { tensor: this.row(this.rows[node.tensor]!, atLeaf) };
    if ('float' in node) return { float: node.bits };
    if ('dict' in node) return { dict: this.pairs(node.dict, atLeaf) };
    if ('list' in node) return { list: node.list.map(item => this.value(item, atLeaf)) };
    // One item of DCP: nothing in it shares memory with another.
    if (this.lostInDcp && atLeaf) this.storages = new Map();
    if ('tuple' in node) return { tuple: node.tuple.map(item => this.value(item, false)) };
    if ('set' in node) return { set: node.set.map(item => this.value(item, false)) };
    if ('frozenset' in node) return { frozenset: node.frozenset.map(item => this.value(item, false)) };
    if (!('object' in node)) return node;
    const { how, callable, args, state, list_items, dict_items } = node.object;
    const keepsItems = !this.lostInDcp && atLeaf;
    return {
      object: {
        how,
        callable: this.value(callable, false),
        args: this.value(args, false),
        ...(state === undefined ? {} : { state: this.value(state, false) }),
        ...(list_items === undefined || list_items.length === 0
          ? {}
          : { list_items: list_items.map(item => this.value(item, keepsItems)) }),
        ...(dict_items === undefined || dict_items.length === 0
          ? {}
          : { dict_items: this.pairs(dict_items, keepsItems) }),
      },
    };
  }

  private pairs(pairs: readonly [GoldenValue, GoldenValue][], atLeaf: boolean): unknown[] {
    return pairs.map(([key, item]) => [this.value(key, false), this.value(item, atLeaf)]);
  }

  private row({ path: _, storage, attributes, ...row }: GoldenTensor, atLeaf: boolean): unknown {
    if (this.lostInDcp && atLeaf) {
      return Object.fromEntries(
        KEPT_IN_DCP.flatMap(member =>
          row[member as keyof typeof row] === undefined ? [] : [[member, row[member as keyof typeof row]]],
        ),
      );
    }
    if (storage !== undefined && !this.storages.has(storage)) this.storages.set(storage, this.storages.size);
    return {
      ...row,
      ...(storage === undefined ? {} : { storage: this.storages.get(storage) }),
      ...(attributes === undefined ? {} : { attributes: true }),
    };
  }
}
