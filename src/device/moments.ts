/**
 * Count, mean and sum of squared deviations of finite numbers, in a form that merges without loss: what was counted
 * in parts equals what is counted at once, to about 1e-13.
 *
 * `mean` is of x · 2^−scale, and `squares` is the sum of (x · 2^−scale − mean)². `scale` is 0, but for parts of
 * float64 tensors whose squares would leave the range of a float64: then {@link SCALE_STEP} or its negative.
 */
export interface Moments {
  count: number;
  mean: number;
  squares: number;
  scale: number;
}

export const SCALE_STEP = 600;

export const NO_MOMENTS: Moments = { count: 0, mean: 0, squares: 0, scale: 0 };

/**
 * The moments of both parts together (Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing
 * sample variances, 1979). Squares only ever add up, so nothing cancels.
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const scale = Math.max(a.scale, b.scale);
  const [x, y] = [rescaled(a, scale), rescaled(b, scale)];
  const count = x.count + y.count;
  const delta = y.mean - x.mean;
  return {
    count,
    mean: x.mean + (delta * y.count) / count,
    squares: x.squares + y.squares + delta * delta * x.count * (y.count / count),
    scale,
  };
}

/**
 * The moments of many parts, merged in pairs of equally many parts, as a tree: errors grow with the logarithm of the
 * number of parts, and so does what is kept.
 */
export class MomentsTree {
  /** At position k the moments of 2^k parts, or nothing. */
  private readonly levels: (Moments | undefined)[] = [];

  /** Parts must be added in their order. */
  add(part: Moments): void {
    let merged = part;
    let level = 0;
    for (let known = this.levels[0]; known !== undefined; known = this.levels[++level]) {
      merged = mergeMoments(known, merged);
      this.levels[level] = undefined;
    }
    this.levels[level] = merged;
  }

  get moments(): Moments {
    return this.levels.reduce<Moments>(
      (later, earlier) => (earlier === undefined ? later : mergeMoments(earlier, later)),
      NO_MOMENTS,
    );
  }
}

export function mergeAllMoments(parts: readonly Moments[]): Moments {
  const tree = new MomentsTree();
  for (const part of parts) tree.add(part);
  return tree.moments;
}

/** Mean, population standard deviation and L2 norm; null where nothing was counted. */
export function finishMoments(moments: Moments): {
  mean: number | null;
  std: number | null;
  norm: number | null;
} {
  const { count, mean, squares, scale } = moments;
  if (count === 0) return { mean: null, std: null, norm: null };
  return {
    mean: timesPower(mean, scale),
    std: timesPower(Math.sqrt(squares / count), scale),
    // The sum of x² is that of (x − mean)² and n · mean²: both positive.
    norm: timesPower(Math.sqrt(squares + count * mean * mean), scale),
  };
}

/** Beyond this the square of a number, or a sum of squares, may leave the range of a float64. */
const LARGE = 2 ** 480;
const SMALL = 2 ** -400;

/** The scale of numbers that are at most so large. */
export function scaleOf(largest: number): number {
  if (largest > LARGE) return SCALE_STEP;
  return largest < SMALL && largest > 0 ? -SCALE_STEP : 0;
}

/** Moments from a mean and a population standard deviation. */
export function momentsFrom(count: number, mean: number, std: number): Moments {
  if (count === 0) return NO_MOMENTS;
  const scale = scaleOf(Math.max(Math.abs(mean), std));
  return { count, mean: timesPower(mean, -scale), squares: timesPower(std, -scale) ** 2 * count, scale };
}

function rescaled(moments: Moments, scale: number): Moments {
  const steps = moments.scale - scale;
  if (steps === 0) return moments;
  return {
    count: moments.count,
    mean: timesPower(moments.mean, steps),
    squares: timesPower(timesPower(moments.squares, steps), steps),
    scale,
  };
}

/** x · 2^power, in two steps: 2^1200 is no float64. */
function timesPower(x: number, power: number): number {
  if (power === 0) return x;
  const half = 2 ** (power / 2);
  return x * half * half;
}
