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

/** Merges neighbours, then neighbours of those: errors grow with the logarithm of the number of parts. */
export function mergeAllMoments(parts: readonly Moments[]): Moments {
  let level = parts;
  while (level.length > 1) {
    const next: Moments[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [a, b] = [level[i]!, level[i + 1]];
      next.push(b === undefined ? a : mergeMoments(a, b));
    }
    level = next;
  }
  return level[0] ?? NO_MOMENTS;
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
