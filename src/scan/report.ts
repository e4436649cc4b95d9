import type { GlobalVerdict } from '../torch/verdicts.js';

export type { GlobalVerdict } from '../torch/verdicts.js';

/** What scanning can find. docs/commands.md has a row for each. */
export const SCAN_RULES = [
  'global',
  'computed_global',
  'computed_attribute',
  'extension',
  'alters_global',
  'split_frame',
  'broken_pickle',
  'archive',
  'program',
  'torchscript',
  'unreadable',
] as const;

export type ScanRule = (typeof SCAN_RULES)[number];

export interface ScanPlace {
  /** Relative to what is scanned. */
  relativePath: string;
  /** Records on the way to the pickle, outermost first, with ` > ` between: `archive/data.pkl`; null for the file itself. */
  item: string | null;
  /** In the file; in the inflated record, where the record is compressed. */
  byteOffset: number;
}

export interface ScanFinding extends ScanPlace {
  rule: ScanRule;
  verdict: 'unknown' | 'dangerous';
  /** Of a global: `module.name`. */
  name: string | null;
  /** One sentence. */
  message: string;
  /** How often it is named in this pickle. */
  count: number;
}

/** A class or function that is named anywhere. */
export interface ScannedGlobal {
  name: string;
  verdict: GlobalVerdict;
  /** How often, in all pickles together. */
  count: number;
  /** Whether it is called anywhere, or an instance made. */
  called: boolean;
  first: ScanPlace;
}

export interface ScanReport {
  schema: 1;
  path: string;
  /** Whether nothing was found: every pickle was read to its end, and names only what is on the lists. */
  clean: boolean;
  findings: ScanFinding[];
  globals: ScannedGlobal[];
  files: number;
  pickles: number;
  byteLength: number;
  /** Patterns of names that were taken as known. */
  allowed: string[];
}
