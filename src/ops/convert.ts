import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, CheckpointFormat, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { startCopyThreads } from '../copy/copy.js';
import type { CrcReport } from '../copy/ledger.js';
import type { ByteSink } from '../copy/stream.js';
import type { StartedThreads } from '../copy/threads.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import type { DeviceChoice } from '../device/registry.js';
import { UsageError } from '../errors.js';
import { readAssets } from './assets.js';
import { carryOut, requireNotAborted } from './carry-out.js';
import { type CastReport, castReports } from './cast-report.js';
import { requireFitting } from './convert-options.js';
import { type Destination, streamDestination } from './destination.js';
import { formatOfDestination } from './destination-format.js';
import type { DiffReport } from './diff-report.js';
import { descendedWarning, locateCheckpoint } from './locate.js';
import { type Loss, lossesOfMap } from './losses.js';
import type { Progress } from './progress.js';
import { type DroppedTie, TIE_POLICIES, type TiePolicy } from './safetensors-save.js';
import { type NamedGlobal, namedGlobals, requireAcceptable } from './safety.js';
import { type LostEntry, type Salvaged, salvage } from './salvage.js';
import { Resharding, type ReshardOptions } from './sharding.js';
import { formatOfSource, openSource, requireSource } from './source.js';
import { applySteps, type StepOptions } from './steps.js';
import { TARGETS } from './targets.js';
import { waitForCheckpoint } from './wait.js';
import { otherTypeWarning, reshapedWarning, type Warning } from './warnings.js';

export interface ConvertOptions extends StepOptions, ReshardOptions {
  /** Replace a destination that exists. */
  force?: boolean;
  /**
   * Go on with a conversion of the same source and options that ended in the middle, if there is one; and where this
   * one is interrupted or the system fails it, leave what is done for a later run.
   */
  resume?: boolean;
  /** Succeed without writing if the destination proves to be this source converted. */
  skipExisting?: boolean;
  /** Plan, and write nothing. */
  dryRun?: boolean;
  /** Refuse what would only be a warning: a torn overwrite, classes beyond torch's weights_only list. */
  strict?: boolean;
  /** Carry through names of functions that run commands or code. They are never run here. */
  allowUnsafeGlobals?: boolean;
  /** From DCP: write what is provably whole though files are missing or damaged, and list the rest as `lost`. */
  salvage?: boolean;
  /** Wait so many milliseconds at most until a save into the source is complete. */
  waitMs?: number;
  /** To a directory of safetensors: bytes of tensors in a file at most. Default 5 GB. */
  maxShardByteLength?: number;
  /** To safetensors, which hold a tensor once: what to do with tied ones. Default `drop`. */
  ties?: TiePolicy;
  /** To a directory of safetensors: a directory whose config and tokenizer files are to be copied into it. */
  copyAssets?: string;
  /** To a torch.save file: give optimizer states the int keys that their `param_groups` name. */
  restoreIntKeys?: boolean;
  /** Read the output back before it is put in place, and compare it with the source, entry by entry. */
  check?: boolean;
  /** Where `check` compares tensors. Default `cpu`. */
  device?: DeviceChoice;
  /** Compute and check CRC-32s. Default true. */
  crc?: boolean;
  /** Bring the output to the device before it gets its name. Default true. */
  sync?: boolean;
  /** Threads that copy; 0 copies on the calling thread. */
  workers?: number;
  /** Reads under way at a time, for storage that takes long to answer. Default: one a thread. */
  readsInFlight?: number;
  signal?: AbortSignal;
  onProgress?: (progress: ConvertProgress) => void;
}

export type ConvertProgress = Progress;

export type ConvertMode = `${CheckpointFormat}_to_${CheckpointFormat}`;

export interface ConvertResult {
  mode: ConvertMode;
  /** `planned`: a dry run. `up_to_date`: the destination is this source converted already. */
  status: 'converted' | 'up_to_date' | 'planned';
  source: string;
  destination: string;
  tensors: number;
  objects: number;
  /** Bytes of all tensors and other storages. */
  byteLength: number;
  outputs: { name: string; byteLength: number }[];
  /** How the checksums of the source came out, in storages; undefined where nothing was read. */
  crc?: CrcReport;
  /** Whether every storage that was read has the checksum that the source states for it. */
  crcChecked: boolean;
  /** Chunks left out because another rank's chunk holds the same box. */
  replicas: number;
  losses: Loss[];
  /** With `salvage`: what is not whole in the source, and so is not in the output. */
  lost: LostEntry[];
  /** Which element types were converted to which. */
  casts: CastReport[];
  /** Tensors that safetensors are without, because another one is the same. */
  ties: DroppedTie[];
  warnings: Warning[];
  globals: NamedGlobal[];
  /** Whether `torch.load(weights_only=True)` accepts all that the source's pickles name. */
  loadsWithWeightsOnly: boolean;
  /** What `check` compared and found equal. */
  checked?: DiffReport['compared'] & { device: string };
  /** Threads that copied. */
  workers?: number;
  /** With `resume`: bytes that an earlier run had done, proved by their checksums. */
  resumedByteLength?: number;
  /** Temporaries that could not be removed. */
  leftBehind: string[];
}

/** Which formats to convert from and to. What is left out is told by the source and by the destination's name. */
export interface ConvertFormats {
  from?: CheckpointFormat;
  to?: CheckpointFormat;
}

/**
 * Converts a checkpoint of any format to any, in flat memory: opens the source, selects, plans the target, copies.
 * `to` must be given where source and name leave more than one reading: a directory may hold DCP or safetensors.
 *
 * @param given the source, or a directory that holds one checkpoint and no other.
 * @throws UsageError for a destination that may not be used, FileError, FormatError, UnsupportedError,
 * CorruptDataError (holes, overlaps, damaged bytes), InterruptedError. After any of them the destination is
 * what it was.
 */
export async function convert(
  given: string,
  destination: string,
  options: ConvertOptions & ConvertFormats = {},
): Promise<ConvertResult> {
  const source = await whenComplete(given, options);
  const from = options.from ?? (await formatOfSource(source));
  const to = options.to ?? formatOfDestination(from, destination);
  await requireSource(source, from, to);
  const target = TARGETS[to].destinationAt(destination, options);
  return convertTo(source, target, from, to, options, descendedWarning(given, source));
}

/**
 * {@link convert} into a stream, to a torch.save file or a safetensors file: the same bytes as to a file, in order,
 * with nothing on the local disk. What fails after the first bytes leaves the stream without its end, so that no
 * reader takes it for whole.
 *
 * @param sink takes the bytes piece by piece, in order; resolves when they are no longer needed.
 */
export async function convertToStream(
  given: string,
  sink: ByteSink,
  options: Omit<ConvertOptions, 'force' | 'skipExisting' | 'resume' | 'check' | 'device'> &
    ConvertFormats & { to: 'torch' | 'safetensors' },
): Promise<ConvertResult> {
  const source = await whenComplete(given, options);
  const from = options.from ?? (await formatOfSource(source));
  await requireSource(source, from, options.to);
  return convertTo(
    source,
    streamDestination(sink),
    from,
    options.to,
    options,
    descendedWarning(given, source),
  );
}

/**
 * {@link convert} of a DCP directory to one torch.save file, as `dcp_to_torch_save` of torch does.
 * @throws as {@link convert}.
 */
export async function dcpToTorchSave(
  source: string,
  destination: string,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  return convert(source, destination, { ...options, from: 'dcp', to: 'torch' });
}

/** {@link convertToStream} of a DCP directory to one torch.save file. */
export async function dcpToTorchStream(
  source: string,
  sink: ByteSink,
  options: Omit<ConvertOptions, 'force' | 'skipExisting' | 'resume' | 'check' | 'device'> = {},
): Promise<ConvertResult> {
  return convertToStream(source, sink, { ...options, from: 'dcp', to: 'torch' });
}

/**
 * {@link convert} of a torch.save file to a DCP directory of one rank, as `torch_save_to_dcp` of torch does. The
 * directory may exist, and may hold the source.
 * @throws as {@link convert}.
 */
export async function torchSaveToDcp(
  source: string,
  destination: string,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  return convert(source, destination, { ...options, from: 'torch', to: 'dcp' });
}

/** The checkpoint that a path means, once it is complete where waiting was asked for. */
async function whenComplete(given: string, options: ConvertOptions): Promise<string> {
  const { waitMs, signal } = options;
  if (waitMs !== undefined) {
    options.onProgress?.({ phase: 'wait' });
    await waitForCheckpoint(given, { timeoutMs: waitMs, ...(signal === undefined ? {} : { signal }) });
  }
  options.onProgress?.({ phase: 'open' });
  return locateCheckpoint(given);
}

/** What all conversions share: open, select, plan, copy, prove that nothing changed meanwhile, put in place. */
async function convertTo(
  source: string,
  target: Destination,
  from: CheckpointFormat,
  to: CheckpointFormat,
  options: ConvertOptions,
  warnings: readonly Warning[],
): Promise<ConvertResult> {
  requireFitting(options, { from, to, kind: target.kind });
  requireValues(options);
  const resharding = Resharding.of(options);
  const assets = options.copyAssets === undefined ? [] : await readAssets(options.copyAssets);
  const { strict = false, crc = true } = options;
  const opened = await openSource(source, from, { strict, salvage: options.salvage ?? false });
  const snapshots = [...opened.checkpoint.snapshots, ...assets.map(({ snapshot }) => snapshot)];
  let started: StartedThreads | undefined;
  try {
    const { checkpoint: whole, lost } = await salvaged(opened.checkpoint, options);
    const { checkpoint, mapped } = await applySteps(whole, options);
    const tensors = checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
    const objects = checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
    options.onProgress?.({ phase: 'plan' });
    if (options.dryRun !== true) started = startCopyThreads(byteLengthOf(tensors), options);
    await checkpoint.loadObjects(objects);
    const globals = namedGlobals(checkpoint);
    requireAcceptable(checkpoint.path, globals, {
      allowUnsafe: options.allowUnsafeGlobals ?? false,
      strict,
    });
    await checkpoint.resolve(tensors);
    requireNotAborted(options.signal);
    const { plan, replicaCount, losses, ties, held } = TARGETS[to].plan(checkpoint, target, {
      withCrc: crc,
      restoreIntKeys: options.restoreIntKeys ?? false,
      maxShardByteLength: options.maxShardByteLength,
      ties: options.ties,
      assets,
      resharding,
    });
    const { status, report, leftBehind, checked } = await carryOut(
      plan,
      held,
      target,
      { path: checkpoint.path, snapshots },
      { ...options, started },
    );
    return {
      mode: `${from}_to_${to}`,
      status,
      source: checkpoint.path,
      destination: target.path,
      tensors: tensors.length,
      objects: objects.length,
      byteLength: plan.recordByteLength,
      outputs: plan.outputs.map(({ name, byteLength }) => ({ name, byteLength })),
      ...(report === undefined ? {} : { crc: report.crc, workers: report.workers }),
      ...(options.resume === true && report?.foundByteLength !== undefined
        ? { resumedByteLength: report.foundByteLength }
        : {}),
      crcChecked: report !== undefined && crc && report.crc.withoutCrc + report.crc.partlyRead === 0,
      replicas: replicaCount + (mapped?.replicaCount ?? 0),
      losses: mapped === undefined ? losses : [...lossesOfMap(mapped, to), ...losses],
      lost,
      casts: castReports(tensors, plan, report?.overflows),
      ties,
      warnings: [
        ...warnings,
        ...opened.warnings,
        ...otherTypeWarning(opened.checkpoint),
        ...reshapedWarning(opened.checkpoint),
        ...target.warnings,
      ],
      globals,
      loadsWithWeightsOnly: globals.length === 0,
      ...(checked === undefined ? {} : { checked }),
      leftBehind,
    };
  } finally {
    await started?.close();
    opened.checkpoint.close();
  }
}

function byteLengthOf(tensors: readonly TensorEntry[]): number {
  return tensors.reduce((sum, { shape, dtype }) => sum + elementCountOf(shape) * dtype.itemSize, 0);
}

/** The checkpoint itself unless salvaging was asked for. */
async function salvaged(checkpoint: Checkpoint, options: ConvertOptions): Promise<Salvaged> {
  if (options.salvage !== true || !(checkpoint instanceof DcpCheckpoint)) return { checkpoint, lost: [] };
  return salvage(checkpoint, options.signal === undefined ? {} : { signal: options.signal });
}

/** Values that only the library can be given: the command line has parsed its own. @throws UsageError. */
function requireValues({ ties, maxShardByteLength }: ConvertOptions): void {
  if (ties !== undefined && !TIE_POLICIES.includes(ties)) {
    throw new UsageError('ties is not one of its words', {
      expected: TIE_POLICIES.join(', '),
      found: String(ties),
    });
  }
  if (maxShardByteLength !== undefined && !(maxShardByteLength > 0)) {
    throw new UsageError('maxShardByteLength is no number of bytes', { found: maxShardByteLength });
  }
}
