/**
 * The property of `dcp verify`: one byte of a checkpoint gets another value. Where verifying the whole one counted that
 * byte as proved or as checked, it is found; where it is not found, the byte was counted as not provable.
 */
import { cpSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DcpError } from '../../src/errors.js';
import { diffCheckpoints, type VerifiedRange, type VerifyReport, verify } from '../../src/index.js';
import { makeSyntheticDcp } from '../bench/synthetic.js';
import { fixturePath } from '../fixtures.js';
import type { Random } from '../random.js';

/** What is corrupted, and how it is verified. */
export interface CorruptionTarget {
  name: string;
  /** Copied first; or what makes it in a directory. */
  original: string | ((directory: string) => Promise<string>);
  sha256?: boolean;
  /**
   * Compressed data have bits that mean nothing: a byte that is not found must leave the contents as they were.
   */
  isCompressed?: boolean;
}

const at = (name: string, more: Partial<CorruptionTarget> = {}, torch?: string): CorruptionTarget => ({
  name: `${name}${torch === undefined ? '' : ` of torch ${torch}`}${more.sha256 === true ? ', with integrity.json' : ''}`,
  original: fixturePath(name, torch),
  ...more,
});

export const CORRUPTION_TARGETS: readonly CorruptionTarget[] = [
  at('fsdp2_adam'),
  at('fsdp2_adam', { sha256: true }),
  at('file_per_item'),
  at('single', {}, '1.13.1'),
  at('rank_metadata', {}, '2.14.1'),
  at('megatron_torch_dist'),
  at('zstd', { isCompressed: true }, '2.14.1'),
  at('safetensors_image'),
  at('hf_sharded', {}, '2.14.1'),
  at('hf_sharded', { sha256: true }, '2.14.1'),
  at('all_dtypes'),
  at('train_state', {}, '1.7.1'),
  at('training_run', { sha256: true }),
  at('alignment_1'),
  at('crc_off'),
  at('torch_script'),
  at('rezipped_stored'),
  at('rezipped_deflated', { isCompressed: true }),
  at('legacy_training_run'),
  at('legacy_training_run', { sha256: true }),
  at('gzipped_zip', { isCompressed: true }),
  { name: 'many items that are alike', original: alikeItems },
];

/** Many items of few layouts, which are recognised by those before them. */
async function alikeItems(directory: string): Promise<string> {
  const path = join(directory, 'alike');
  await makeSyntheticDcp(path, join(directory, 'random'), {
    tensorCount: 8,
    shape: [64, 40],
    dtype: 'float32',
    grid: [4],
  });
  rmSync(join(directory, 'random'));
  return path;
}

async function placed(original: CorruptionTarget['original'], directory: string): Promise<string> {
  if (typeof original !== 'string') return original(directory);
  const path = join(directory, basename(original));
  cpSync(original, path, { recursive: true, preserveTimestamps: true });
  return path;
}

export interface Corruption {
  relativePath: string;
  byteOffset: number;
  /** Proof of the byte in the whole checkpoint. */
  proof: VerifiedRange['proof'];
  before: number;
  after: number;
  /** `harmless`: it is not found, and the contents are the same. */
  outcome: 'found' | 'not found' | 'harmless';
}

/** A target, verified once while it is whole. */
export class CorruptibleCheckpoint {
  private constructor(
    readonly target: CorruptionTarget,
    private readonly path: string,
    private readonly files: { relativePath: string; path: string; byteLength: number }[],
    private readonly ranges: ReadonlyMap<string, VerifiedRange[]>,
  ) {}

  static async prepare(target: CorruptionTarget, directory: string): Promise<CorruptibleCheckpoint> {
    const path = await placed(target.original, directory);
    if (target.sha256 === true) await verify(path, { sha256: 'write' });
    const ranges = new Map<string, VerifiedRange[]>();
    const report = await run(path, target, range => {
      ranges.set(range.relativePath, [...(ranges.get(range.relativePath) ?? []), range]);
    });
    if (!report.sound) throw new Error(`${target.name} is not whole: ${report.findings[0]!.message}`);
    const isDirectory = statSync(path).isDirectory();
    const files = report.files.map(({ relativePath, byteLength }) => ({
      relativePath,
      path: isDirectory ? join(path, relativePath) : path,
      byteLength,
    }));
    checkCounts(report, ranges);
    return new CorruptibleCheckpoint(target, path, files, ranges);
  }

  /** Gives one byte another value, verifies, and puts the byte back. */
  async corrupt(random: Random): Promise<Corruption> {
    let byteOffset = random.int(0, this.files.reduce((sum, { byteLength }) => sum + byteLength, 0) - 1);
    const file = this.files.find(({ byteLength }) => {
      if (byteOffset < byteLength) return true;
      byteOffset -= byteLength;
      return false;
    })!;
    const whole = readFileSync(file.path);
    const { atime, mtime } = statSync(file.path);
    const before = whole[byteOffset]!;
    const after = before ^ random.int(1, 255);
    const damaged = Buffer.from(whole);
    damaged[byteOffset] = after;
    const write = (bytes: Uint8Array): void => {
      writeFileSync(file.path, bytes);
      utimesSync(file.path, atime, mtime);
    };
    write(damaged);
    try {
      const corruption = { relativePath: file.relativePath, byteOffset, before, after };
      const outcome = await this.outcome();
      return { ...corruption, proof: this.proofOf(file.relativePath, byteOffset), outcome };
    } finally {
      write(whole);
    }
  }

  private async outcome(): Promise<Corruption['outcome']> {
    try {
      const { sound } = await run(this.path, this.target);
      if (!sound) return 'found';
    } catch (error) {
      if (error instanceof DcpError) return 'found';
      throw error;
    }
    if (this.target.isCompressed !== true) return 'not found';
    const { original } = this.target;
    if (typeof original !== 'string') return 'not found';
    const { equal } = await diffCheckpoints(this.path, original);
    return equal ? 'harmless' : 'not found';
  }

  private proofOf(relativePath: string, byteOffset: number): VerifiedRange['proof'] {
    const range = this.ranges
      .get(relativePath)
      ?.findLast(({ start, end }) => start <= byteOffset && byteOffset < end);
    return range?.proof ?? 'unprovable';
  }
}

/** Whether a corruption is as it must be. */
export function isAsPromised({ proof, outcome }: Corruption): boolean {
  return outcome !== 'not found' || proof === 'unprovable';
}

function run(
  path: string,
  { sha256 }: CorruptionTarget,
  onRange?: (range: VerifiedRange) => void,
): Promise<VerifyReport> {
  return verify(path, {
    crc: true,
    replicas: true,
    workers: 0,
    ...(sha256 === true ? { sha256: 'check' as const } : {}),
    ...(onRange === undefined ? {} : { onRange }),
  });
}

/** The figures of the report are those of the ranges that it told of, and no byte was told of twice. */
function checkCounts({ files }: VerifyReport, ranges: ReadonlyMap<string, VerifiedRange[]>): void {
  for (const { relativePath, byteLength, proved, structure, unprovable } of files) {
    const told = [...(ranges.get(relativePath) ?? [])].sort((a, b) => a.start - b.start);
    // A file with a digest is proved whole, whatever was told of its parts before.
    if (proved === byteLength) continue;
    const overlap = told.find((range, i) => i > 0 && range.start < told[i - 1]!.end);
    if (overlap !== undefined) throw new Error(`${relativePath}: byte ${overlap.start} is told of twice`);
    const sum = (wanted: VerifiedRange['proof']): number =>
      told.reduce((total, { start, end, proof }) => total + (proof === wanted ? end - start : 0), 0);
    const figures = [sum('proved'), sum('structure'), byteLength - sum('proved') - sum('structure')];
    if (figures.join() !== [proved, structure, unprovable].join())
      throw new Error(`${relativePath}: told ${figures}, counted ${[proved, structure, unprovable]}`);
  }
}
