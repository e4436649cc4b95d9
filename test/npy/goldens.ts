/** What numpy writes: fixtures/npy/make_arrays.py. */
import { readFileSync } from 'node:fs';

export interface NumpyGoldens {
  headers: { type: string; shape: number[]; header: string }[];
  arrays: ArrayGolden[];
}

export interface ArrayGolden {
  fixture: string;
  fqn: string;
  slice?: string;
  cast?: string;
  raw_bits?: boolean;
  /** Of the whole .npy file. */
  sha256: string;
}

export const numpyGoldens = JSON.parse(
  readFileSync(new URL('../../../fixtures/npy/arrays.json', import.meta.url), 'utf8'),
) as NumpyGoldens;
