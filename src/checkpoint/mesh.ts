import { UsageError } from '../errors.js';

/**
 * The ranks of a job as a grid, as torch's `init_device_mesh` makes it: rank 0 first, the last dimension fastest.
 * Shape and names as there: `new DeviceMesh([2, 4], ['dp', 'tp'])`.
 */
export class DeviceMesh {
  readonly shape: readonly number[];
  /** One name a dimension, or none at all. */
  readonly dimensionNames: readonly string[] | undefined;
  /** Number of ranks. */
  readonly size: number;

  /** @throws UsageError for a shape without dimensions, sizes that are no counts, names that do not fit. */
  constructor(shape: readonly number[], dimensionNames?: readonly string[]) {
    const isShape = shape.length > 0 && shape.every(size => Number.isSafeInteger(size) && size > 0);
    this.size = shape.reduce((product, size) => product * size, 1);
    if (!isShape || this.size > MAX_RANKS) {
      throw new UsageError('This is no shape of a device mesh', {
        expected: `sizes of 1 and more, at most ${MAX_RANKS} ranks`,
        found: `[${shape.join(', ')}]`,
      });
    }
    if (dimensionNames !== undefined) {
      if (dimensionNames.length !== shape.length || new Set(dimensionNames).size !== shape.length) {
        throw new UsageError('The dimension names do not fit the device mesh', {
          expected: `${shape.length} different names`,
          found: dimensionNames.join(', '),
        });
      }
    }
    this.shape = [...shape];
    this.dimensionNames = dimensionNames === undefined ? undefined : [...dimensionNames];
  }

  /** Where a rank stands: one number a dimension. @throws UsageError for a rank that is not in the mesh. */
  coordinateOf(rank: number): number[] {
    if (!Number.isSafeInteger(rank) || rank < 0 || rank >= this.size) {
      throw new UsageError('This rank is not in the device mesh', {
        expected: `0 to ${this.size - 1} in mesh ${this}`,
        found: rank,
      });
    }
    const coordinate = new Array<number>(this.shape.length);
    let rest = rank;
    for (let d = this.shape.length - 1; d >= 0; d--) {
      coordinate[d] = rest % this.shape[d]!;
      rest = Math.floor(rest / this.shape[d]!);
    }
    return coordinate;
  }

  /** `2x4`, or with names `dp=2,tp=4`: the text that {@link parseMesh} takes. */
  toString(): string {
    const { dimensionNames } = this;
    if (dimensionNames === undefined) return this.shape.join('x');
    return this.shape.map((size, d) => `${dimensionNames[d]}=${size}`).join(',');
  }
}

/** More ranks than any job has; a typing error with more would make a report of their boxes endless. */
const MAX_RANKS = 1 << 20;

/** A mesh as text: sizes `2x4`, or names and sizes `dp=2,tp=4`. @throws UsageError */
export function parseMesh(text: string): DeviceMesh {
  const trimmed = text.trim();
  if (/^\d+(x\d+)*$/.test(trimmed)) return new DeviceMesh(trimmed.split('x').map(Number));
  const parts = trimmed.split(',').map(part => /^\s*([A-Za-z_]\w*)\s*=\s*(\d+)\s*$/.exec(part));
  if (parts.every(part => part !== null)) {
    return new DeviceMesh(
      parts.map(part => Number(part[2])),
      parts.map(part => part[1]!),
    );
  }
  throw new UsageError('This is no device mesh', {
    expected: 'sizes like 2x4, or names and sizes like dp=2,tp=4',
    found: JSON.stringify(text),
  });
}
