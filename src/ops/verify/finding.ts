import type { DcpError } from '../../errors.js';

/** What can be wrong. docs/commands.md has a row for each. */
export const FINDING_RULES = [
  'no_index',
  'index',
  'missing_rank_index',
  'missing_file',
  'short_file',
  'orphan_file',
  'newer_data',
  'coverage',
  'item_place',
  'archive',
  'crc',
  'tensor',
  'object',
  'element_type',
  'replica',
  'sha256',
  'unlisted_file',
  'differs',
  'unreadable',
  'unsupported',
] as const;

export type FindingRule = (typeof FINDING_RULES)[number];

/** One thing that is wrong with a checkpoint, and where. */
export interface Finding {
  rule: FindingRule;
  /** One sentence. */
  message: string;
  /** Relative to the checkpoint; null where no one file is to blame. */
  relativePath: string | null;
  /** Of the tensor or object that suffers; null where it is more than one, or none. */
  fqn: string | null;
  /** Record of the archive, where it is about one. */
  entry: string | null;
  /** In the file: where what is wrong begins. */
  byteOffset: number | null;
  /** The rank that wrote the file, where its name tells. */
  rank: number | null;
  expected: string | number | null;
  found: string | number | null;
}

/** Fields that a check knows; all others are null. */
export type FindingDetails = Partial<{
  [Field in Exclude<keyof Finding, 'rule' | 'message'>]: Finding[Field] | undefined;
}>;

/** All findings of one run, in the order in which they were made. */
export class Findings {
  readonly list: Finding[] = [];

  add(rule: FindingRule, message: string, details: FindingDetails = {}): void {
    const { relativePath, fqn, entry, byteOffset, rank, expected, found } = details;
    this.list.push({
      rule,
      message,
      relativePath: relativePath ?? null,
      fqn: fqn === '' ? null : (fqn ?? null),
      entry: entry ?? null,
      byteOffset: byteOffset ?? null,
      rank: rank ?? null,
      expected: expected ?? null,
      found: found ?? null,
    });
  }

  /**
   * An error as a finding. What was found before at the same place is not told twice; what is well-formed and not read
   * here is no damage.
   */
  addError(rule: FindingRule, error: DcpError, details: FindingDetails = {}): void {
    const { what, expected, found, context } = error;
    const { fqn, entry, byteOffset } = context;
    const known = { fqn, entry, byteOffset, expected, found, ...definedOf(details) };
    const isKnown = this.list.some(
      one =>
        one.relativePath === (known.relativePath ?? null) &&
        ((one.message === what && one.fqn === (known.fqn ?? null)) ||
          (one.entry !== null &&
            entry !== undefined &&
            sameRecord(one.entry, entry) &&
            one.fqn === (known.fqn ?? null))),
    );
    if (!isKnown) this.add(error.code === 'unsupported' ? 'unsupported' : rule, what, known);
  }

  has(relativePath: string, fqn: string): boolean {
    return this.list.some(one => one.relativePath === relativePath && one.fqn === fqn);
  }
}

function definedOf(details: FindingDetails): FindingDetails {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined));
}

/** Layers above the archive name records without its top-level directory. */
function sameRecord(a: string, b: string): boolean {
  return a === b || a.endsWith(`/${b}`) || b.endsWith(`/${a}`);
}
