import type { CheckpointFormat } from '../checkpoint/checkpoint.js';
import { UsageError } from '../errors.js';

/** What is to be made, as far as it is known: a command line that names no mode knows less than the operation. */
export interface ConvertTarget {
  from?: CheckpointFormat | undefined;
  to?: CheckpointFormat | undefined;
  kind?: 'file' | 'directory' | 'stream' | undefined;
}

/** The options of a conversion that do not go with everything. */
export interface FittingOptions {
  restoreIntKeys?: boolean | undefined;
  salvage?: boolean | undefined;
  resume?: boolean | undefined;
  check?: boolean | undefined;
  crc?: boolean | undefined;
  ranks?: number | undefined;
  dim?: number | undefined;
  mesh?: string | undefined;
  placements?: readonly string[] | undefined;
  ties?: string | undefined;
  maxShardByteLength?: number | undefined;
  copyAssets?: string | undefined;
}

/** An option by its name on the command line, and what it is for. */
interface Rule {
  option: string;
  isGiven(options: FittingOptions): boolean;
  /** True also where that is not known. */
  fits(target: ConvertTarget): boolean;
  only: string;
  hint?: string;
}

const isTo =
  (format: CheckpointFormat) =>
  ({ to }: ConvertTarget): boolean =>
    to === undefined || to === format;

const isDirectoryOfSafetensors = (target: ConvertTarget): boolean =>
  isTo('safetensors')(target) && (target.kind === undefined || target.kind === 'directory');

const RULES: readonly Rule[] = [
  {
    option: '--restore-int-keys',
    isGiven: ({ restoreIntKeys }) => restoreIntKeys === true,
    fits: isTo('torch'),
    only: 'torch.save files',
    hint: 'DCP has no int keys: restore them when you convert back.',
  },
  ...(['ranks', 'dim', 'mesh', 'placements'] as const).map(
    (name): Rule => ({
      option: `--${name}`,
      isGiven: options => options[name] !== undefined,
      fits: isTo('dcp'),
      only: 'DCP directories',
    }),
  ),
  {
    option: '--ties',
    isGiven: ({ ties }) => ties !== undefined,
    fits: isTo('safetensors'),
    only: 'safetensors',
  },
  {
    option: '--max-shard-size',
    isGiven: ({ maxShardByteLength }) => maxShardByteLength !== undefined,
    fits: isDirectoryOfSafetensors,
    only: 'directories of safetensors',
  },
  {
    option: '--copy-assets',
    isGiven: ({ copyAssets }) => copyAssets !== undefined,
    fits: isDirectoryOfSafetensors,
    only: 'directories of safetensors',
  },
  {
    option: '--salvage',
    isGiven: ({ salvage }) => salvage === true,
    fits: ({ from }) => from === undefined || from === 'dcp',
    only: 'DCP directories as the source',
  },
  {
    option: '--check',
    isGiven: ({ check }) => check === true,
    fits: ({ kind }) => kind !== 'stream',
    only: 'destinations that can be read back',
  },
];

/**
 * Refuses options that say nothing about such a conversion, or contradict each other.
 * @throws UsageError that names the option as the command line does.
 */
export function requireFitting(options: FittingOptions, target: ConvertTarget): void {
  for (const { option, isGiven, fits, only, hint } of RULES) {
    if (!isGiven(options) || fits(target)) continue;
    throw new UsageError(`${option} is for ${only}`, hint === undefined ? {} : { hint });
  }
  for (const name of ['salvage', 'resume'] as const) {
    if (options[name] !== true || options.crc !== false) continue;
    throw new UsageError(`--${name} needs checksums: without them nothing is proved`, {
      hint: 'Leave --no-crc out.',
    });
  }
}
