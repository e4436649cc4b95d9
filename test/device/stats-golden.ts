/** What torch counts in fixtures/stats/a.pth, and how it differs from b.pth. See fixtures/stats/make_stats.py. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const statsFixtures = fileURLToPath(new URL('../../../fixtures/stats/', import.meta.url));

/** Numbers that JSON cannot hold are text. */
type GoldenNumber = number | string | null;

export interface GoldenNumbers {
  count: number;
  nan_count: number;
  positive_inf_count: number;
  negative_inf_count: number;
  zero_count: number;
  subnormal_count: number;
  min: GoldenNumber;
  max: GoldenNumber;
  mean: number | null;
  mean_abs: number | null;
  std: GoldenNumber;
  norm: GoldenNumber;
}

export interface GoldenComparison {
  differing_count: number;
  first_index: number | null;
  non_finite_count: number;
  max_abs: GoldenNumber;
  max_rel: GoldenNumber;
  beyond_count: number;
}

export interface GoldenStats extends GoldenNumbers {
  name: string;
  dtype: string;
  shape: number[];
  sha256: string;
  real?: GoldenNumbers;
  imaginary?: GoldenNumbers;
  /** One a component: how many patterns, and SHA-256 of `[[patterns],[counts]]`. */
  histograms?: { patterns: number; sha256: string }[];
  comparison: GoldenComparison;
}

export const statsGolden = JSON.parse(readFileSync(`${statsFixtures}stats.json`, 'utf8')) as {
  atol: number;
  rtol: number;
  tensors: GoldenStats[];
};
