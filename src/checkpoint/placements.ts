import { UnsupportedError, UsageError } from '../errors.js';

/**
 * What one dimension of a device mesh does to a tensor, in torch's words (`torch/distributed/tensor/placement_types.py`).
 *
 * `Shard`: dimension `dim` is split over the ranks. `Replicate`: every rank holds the same. `_StridedShard`: `dim`
 * is split into `splitFactor` parts, each part over the ranks, and a rank holds its piece of every part; FSDP2
 * uses it over a dimension that tensor parallelism has split.
 */
export type Placement =
  | { readonly kind: 'Shard'; readonly dim: number }
  | { readonly kind: 'Replicate' }
  | { readonly kind: '_StridedShard'; readonly dim: number; readonly splitFactor: number };

/** A negative `dim` counts from the last dimension. @throws UsageError */
export function Shard(dim: number): Placement {
  return { kind: 'Shard', dim: requireInteger('dim', dim, Number.NEGATIVE_INFINITY) };
}

export function Replicate(): Placement {
  return { kind: 'Replicate' };
}

/** torch's `_StridedShard(dim, split_factor=splitFactor)`. @throws UsageError */
export function StridedShard(dim: number, splitFactor: number): Placement {
  return {
    kind: '_StridedShard',
    dim: requireInteger('dim', dim, Number.NEGATIVE_INFINITY),
    splitFactor: requireInteger('split_factor', splitFactor, 1),
  };
}

function requireInteger(name: string, value: number, min: number): number {
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw new UsageError(`${name} of a placement is wrong`, {
    expected: min === 1 ? 'a count of 1 or more' : 'a number of a dimension',
    found: value,
  });
}

/** As Python prints it: `Shard(dim=0)`, `Replicate()`, `_StridedShard(dim=0, sf=2)`. */
export function placementText(placement: Placement): string {
  switch (placement.kind) {
    case 'Replicate':
      return 'Replicate()';
    case 'Shard':
      return `Shard(dim=${placement.dim})`;
    default:
      return `_StridedShard(dim=${placement.dim}, sf=${placement.splitFactor})`;
  }
}

const EXPECTED = 'a list of Shard(dim), Replicate() and _StridedShard(dim, split_factor=n)';

/**
 * Placements as text, one for each dimension of the mesh: `Shard(0),Replicate()`. Brackets around the list, names of
 * arguments, and the short forms in which torch prints them (`S(0)`, `R`, `_S(0, 2)`) are accepted.
 * @throws UsageError. UnsupportedError for `Partial`, which torch cannot save or load either.
 */
export function parsePlacements(text: string): Placement[] {
  const wrong = (found: string): UsageError =>
    new UsageError('These are no placements', { expected: EXPECTED, found: JSON.stringify(found) });
  const bracketed = /^\s*(?:\((.*?),?\s*\)|\[(.*?),?\s*\])\s*$/s.exec(text);
  const list = bracketed?.[1] ?? bracketed?.[2] ?? text;
  const placements: Placement[] = [];
  const item = /\s*([A-Za-z_]+)\s*(?:\(([^()]*)\))?\s*(,|$)/y;
  for (let separator = ','; separator === ','; ) {
    const found = item.exec(list);
    if (found === null) throw wrong(text);
    separator = found[3]!;
    placements.push(placementOf(found[1]!, found[2], () => wrong(found[0].replace(/,$/, '').trim())));
  }
  return placements;
}

function placementOf(name: string, argumentText: string | undefined, wrong: () => UsageError): Placement {
  if (name === 'Partial' || name === '_Partial' || name === 'P') {
    throw new UnsupportedError(
      'A tensor with a Partial placement has no values of its own until it is reduced',
      {
        expected: EXPECTED,
        found: name,
      },
    );
  }
  const args = new Map<string, number>();
  for (const [index, part] of (argumentText?.trim() ? argumentText.split(',') : []).entries()) {
    const found = /^\s*(?:(dim|split_factor|sf)\s*=)?\s*(-?\d+)\s*$/.exec(part);
    if (found === null) throw wrong();
    const key = (found[1] ?? (index === 0 ? 'dim' : 'sf')).replace('split_factor', 'sf');
    if (args.has(key) || index > 1) throw wrong();
    args.set(key, Number(found[2]));
  }
  const dim = args.get('dim');
  const splitFactor = args.get('sf');
  if ((name === 'Replicate' || name === 'R') && args.size === 0) return Replicate();
  if ((name === 'Shard' || name === 'S') && dim !== undefined && splitFactor === undefined) return Shard(dim);
  if (/^(_?StridedShard|_S)$/.test(name) && dim !== undefined && splitFactor !== undefined) {
    return StridedShard(dim, splitFactor);
  }
  throw wrong();
}
