/**
 * What torch's planner makes of a state dict, on goldens: `flatten_state_dict` and `set_element` of
 * torch/distributed/checkpoint, written down a second time and held against what torch itself made.
 */
import type { GoldenPath, GoldenValue } from '../fixtures.js';

/** Keys as text, list positions as numbers. */
export type FlatItem = { path: (string | number)[]; value: GoldenValue };

/** The leaves of a golden's tree, in order. */
export function flattenGolden(tree: GoldenValue): FlatItem[] {
  const items: FlatItem[] = [];
  const met = new Map<string, GoldenValue>();

  const visit = (node: GoldenValue, path: (string | number)[], goldenPath: GoldenPath): void => {
    const value = has(node, 'same_as') ? met.get(JSON.stringify(node.same_as))! : node;
    met.set(JSON.stringify(goldenPath), value);
    const pairs = pairsOf(value);
    if (pairs !== undefined) {
      for (const [key, item] of pairs) {
        visit(item, [...path, keyText(key)], [...goldenPath, typeof key === 'number' ? key : keyText(key)]);
      }
    } else if (has(value, 'list') && isOpened(value.list)) {
      for (const [i, item] of value.list.entries()) visit(item, [...path, i], [...goldenPath, i]);
    } else {
      items.push({ path, value });
    }
  };
  visit(tree, [], []);
  return items;
}

/** The nested dicts and lists that the items stand for. */
export function unflattenGolden(items: readonly FlatItem[]): GoldenValue {
  type Container = Map<string, unknown> | unknown[];
  const root: Container = new Map();
  for (const { path, value } of items) {
    let container: Container = root;
    for (const [i, step] of path.entries()) {
      const known: unknown =
        container instanceof Map ? container.get(step as string) : container[step as number];
      const next = path[i + 1];
      const child: unknown =
        next === undefined ? { leaf: value } : (known ?? (typeof next === 'number' ? [] : new Map()));
      if (container instanceof Map) container.set(step as string, child);
      else {
        while (container.length < (step as number)) container.push(undefined);
        container[step as number] = child;
      }
      container = child as Container;
    }
  }
  const encode = (node: unknown): GoldenValue => {
    if (node instanceof Map) return { dict: [...node].map(([key, item]) => [key as string, encode(item)]) };
    if (Array.isArray(node)) return { list: node.map(encode) };
    return node === undefined ? null : (node as { leaf: GoldenValue }).leaf;
  };
  return encode(root);
}

/** A list is taken apart if it holds a tensor, a mapping, or a list that is taken apart. */
function isOpened(items: readonly GoldenValue[]): boolean {
  return items.some(
    item => has(item, 'tensor') || pairsOf(item) !== undefined || (has(item, 'list') && isOpened(item.list)),
  );
}

/** Keys and values of what Python calls a mapping. */
export function pairsOf(node: GoldenValue): readonly [GoldenValue, GoldenValue][] | undefined {
  if (has(node, 'dict')) return node.dict;
  if (!has(node, 'object') || !has(node.object.callable, 'global')) return undefined;
  const { callable, args, dict_items = [] } = node.object;
  if (!/^collections (OrderedDict|defaultdict|Counter)$/.test(callable.global.join(' '))) return undefined;
  const inArguments = has(args, 'tuple') ? args.tuple.find(item => has(item, 'dict')) : undefined;
  return [...(has(inArguments, 'dict') ? inArguments.dict : []), ...dict_items];
}

/** Python's `str()` of the keys that the fixtures have. */
export function keyText(key: GoldenValue): string {
  return typeof key === 'string' ? key : repr(key);
}

function repr(value: GoldenValue): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return `'${value}'`;
  if ('int' in value) return value.int;
  if ('float' in value) return value.float;
  if ('tuple' in value) return `(${value.tuple.map(repr).join(', ')})`;
  throw new Error(`no repr for ${JSON.stringify(value)}`);
}

export function has<Member extends string>(
  node: GoldenValue | undefined,
  member: Member,
): node is Extract<GoldenValue, Record<Member, unknown>> {
  return typeof node === 'object' && node !== null && member in node;
}
