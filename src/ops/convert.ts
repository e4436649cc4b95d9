import type { Checkpoint, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import { type CopyProgress, type CopyReport, compareWithPlan } from '../copy/copy.js';
import type { CrcReport } from '../copy/ledger.js';
import type { CopyPlan } from '../copy/plan.js';
import type { ByteSink } from '../copy/stream.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { openDcp } from '../dcp/reader.js';
import { planDcpSave } from '../dcp/writer.js';
import { CorruptDataError, FileError, InterruptedError, UsageError, withContext } from '../errors.js';
import { type PathKind, pathKind } from '../io/listing.js';
import { lookAt } from '../io/paths.js';
import { type FileSnapshot, requireUnchanged, takeSnapshot } from '../io/snapshot.js';
import { requireNoTorchScript } from '../torch/archive.js';
import { openTorchFile } from '../torch/reader.js';
import { planTorchSave } from '../torch/writer.js';
import { type Destination, directoryDestination, fileDestination, streamDestination } from './destination.js';
import { restoreIntKeys } from './int-keys.js';
import { type Loss, lossesOfDcpSave, lossesOfTorchSave } from './losses.js';
import { recogniseFile } from './open.js';
import { type NamedGlobal, namedGlobals, requireAcceptable } from './safety.js';
import { tornWarning, type Warning } from './warnings.js';

export interface ConvertOptions {
  /** Replace a destination that exists. */
  force?: boolean;
  /** Succeed without writing if the destination proves to be this source converted. */
  skipExisting?: boolean;
  /** Plan, and write nothing. */
  dryRun?: boolean;
  /** Refuse what would only be a warning: a torn overwrite, classes beyond torch's weights_only list. */
  strict?: boolean;
  /** Carry through names of functions that run commands or code. They are never run here. */
  allowUnsafeGlobals?: boolean;
  /** `dcp_to_torch`: give optimizer states the int keys that their `param_groups` name. */
  restoreIntKeys?: boolean;
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

export type ConvertProgress = { phase: 'open' | 'plan' | 'finish' } | ({ phase: 'copy' } & CopyProgress);

export interface ConvertResult {
  mode: 'dcp_to_torch' | 'torch_to_dcp';
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
  warnings: Warning[];
  globals: NamedGlobal[];
  /** Whether `torch.load(weights_only=True)` accepts all that the source's pickles name. */
  loadsWithWeightsOnly: boolean;
  /** Threads that copied. */
  workers?: number;
  /** Temporaries that could not be removed. */
  leftBehind: string[];
}

/**
 * Converts a DCP directory to one torch.save file, as `dcp_to_torch_save` of torch does, in flat memory.
 *
 * @throws UsageError for a destination that may not be used, FileError, FormatError, UnsupportedError,
 * CorruptDataError (holes, overlaps, damaged bytes), InterruptedError. After any of them the destination is
 * what it was.
 */
export async function dcpToTorchSave(
  source: string,
  destination: string,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  const target = fileDestination(destination, options);
  return dcpToTorch(source, target, options);
}

/**
 * {@link dcpToTorchSave} into a stream: the same bytes as to a file, in order, with nothing on the local disk. What
 * fails after the first bytes leaves the stream without its end record, so that no reader takes it for whole.
 *
 * @param sink takes the bytes piece by piece, in order; resolves when they are no longer needed.
 */
export async function dcpToTorchStream(
  source: string,
  sink: ByteSink,
  options: Omit<ConvertOptions, 'force' | 'skipExisting'> = {},
): Promise<ConvertResult> {
  return dcpToTorch(source, streamDestination(sink), options);
}

async function dcpToTorch(
  source: string,
  target: Destination,
  options: ConvertOptions,
): Promise<ConvertResult> {
  options.onProgress?.({ phase: 'open' });
  requireDirectory(source);
  const checkpoint = await openDcp(source);
  try {
    checkpoint.requireFiles();
    const warnings = tornWarning(checkpoint, options.strict ?? false);
    const snapshots = [
      ...checkpoint.indexSnapshots,
      ...checkpoint.fileSnapshots.filter(file => file !== undefined),
    ];
    return await convert('dcp_to_torch', checkpoint, target, snapshots, warnings, options, () => {
      const tree = options.restoreIntKeys === true ? restoreIntKeys(checkpoint.tree) : checkpoint.tree;
      const { plan, replicaCount } = planTorchSave(checkpoint, tree, target.archivePath, {
        withCrc: options.crc ?? true,
      });
      return { plan, replicaCount, losses: lossesOfTorchSave(checkpoint) };
    });
  } finally {
    checkpoint.close();
  }
}

/**
 * Converts a torch.save file to a DCP directory of one rank, as `torch_save_to_dcp` of torch does, in flat memory.
 * The directory may exist, and may hold the source.
 *
 * @throws as {@link dcpToTorchSave}.
 */
export async function torchSaveToDcp(
  source: string,
  destination: string,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  options.onProgress?.({ phase: 'open' });
  await requireTorchFile(source);
  const target = directoryDestination(destination, options);
  const snapshot = takeSnapshot(source);
  const checkpoint = await openTorchFile(source);
  try {
    withContext({ path: source }, () => requireNoTorchScript(checkpoint.format === 'torchscript'));
    return await convert('torch_to_dcp', checkpoint, target, [snapshot], [], options, () => ({
      plan: planDcpSave(checkpoint, { withCrc: options.crc ?? true }),
      replicaCount: 0,
      losses: lossesOfDcpSave(checkpoint),
    }));
  } finally {
    checkpoint.close();
  }
}

interface Planned {
  plan: CopyPlan;
  replicaCount: number;
  losses: Loss[];
}

/** What both directions share: prepare, plan, copy, prove that nothing changed meanwhile, put in place. */
async function convert(
  mode: ConvertResult['mode'],
  checkpoint: Checkpoint,
  target: Destination,
  snapshots: readonly FileSnapshot[],
  warnings: readonly Warning[],
  options: ConvertOptions,
  makePlan: () => Planned,
): Promise<ConvertResult> {
  const tensors = checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
  const objects = checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  options.onProgress?.({ phase: 'plan' });
  await checkpoint.loadObjects(objects);
  const globals = namedGlobals(checkpoint);
  requireAcceptable(checkpoint.path, globals, {
    allowUnsafe: options.allowUnsafeGlobals ?? false,
    strict: options.strict ?? false,
  });
  await checkpoint.resolve(tensors);
  requireNotAborted(options.signal);
  const { plan, replicaCount, losses } = makePlan();

  const result = (
    status: ConvertResult['status'],
    report?: CopyReport,
    leftBehind: string[] = [],
  ): ConvertResult => ({
    mode,
    status,
    source: checkpoint.path,
    destination: target.path,
    tensors: tensors.length,
    objects: objects.length,
    byteLength: plan.recordByteLength,
    outputs: plan.outputs.map(({ name, byteLength }) => ({ name, byteLength })),
    ...(report === undefined ? {} : { crc: report.crc, workers: report.workers }),
    crcChecked:
      report !== undefined && (options.crc ?? true) && report.crc.withoutCrc + report.crc.partlyRead === 0,
    replicas: replicaCount,
    losses,
    warnings: [...warnings, ...target.warnings],
    globals,
    loadsWithWeightsOnly: globals.length === 0,
    leftBehind,
  });

  if (options.force === true) requireNoSource(await target.replacedPaths(plan), snapshots);
  if (options.dryRun === true) return result('planned');
  const copyOptions = {
    crc: options.crc ?? true,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    ...(options.readsInFlight === undefined ? {} : { readsInFlight: options.readsInFlight }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: (progress: CopyProgress) => options.onProgress?.({ phase: 'copy', ...progress }),
  };
  if (options.skipExisting === true && target.exists()) {
    const report = await proveUpToDate(plan, target, copyOptions);
    requireUnchanged(snapshots);
    return result('up_to_date', report);
  }
  const { report, leftBehind } = await target.deliver(plan, copyOptions, () => {
    options.onProgress?.({ phase: 'finish' });
    requireUnchanged(snapshots);
    requireNotAborted(options.signal);
  });
  return result('converted', report, leftBehind);
}

function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError('The conversion was interrupted');
}

/** @throws UsageError naming the first difference where the destination is not this source converted. */
async function proveUpToDate(
  plan: CopyPlan,
  target: Destination,
  options: Parameters<typeof compareWithPlan>[2],
): Promise<CopyReport> {
  const paths = target.existingPaths(plan);
  try {
    for (const [output, path] of paths.entries()) {
      const expected = plan.outputs[output]!.byteLength;
      const found = takeSnapshot(path).byteLength;
      if (found !== expected) {
        throw new CorruptDataError('The existing output has another length', {
          expected: `${expected} bytes`,
          found: `${found} bytes`,
          path,
        });
      }
    }
    return await compareWithPlan(plan, paths, options);
  } catch (error) {
    if (!(error instanceof CorruptDataError || error instanceof FileError)) throw error;
    // A damaged source has its own message; what differs in the destination is a matter of usage.
    if (error.context.path !== undefined && !paths.includes(error.context.path)) throw error;
    throw new UsageError(`The destination exists and is not this source converted: ${error.what}`, {
      path: target.path,
      ...error.context,
      ...(error.expected === undefined ? {} : { expected: error.expected }),
      ...(error.found === undefined ? {} : { found: error.found }),
      hint: 'Use --force to replace it.',
      cause: error,
    });
  }
}

function requireDirectory(source: string): void {
  const kind = pathKind(source);
  // A `.metadata` on its own is opened too: what follows says that the data are not at hand.
  if (kind === 'directory' || (kind === 'file' && source.endsWith(METADATA_NAME))) return;
  requireThere(source, kind);
  throw new FileError(`The source is a ${kind}`, {
    expected: 'a DCP directory',
    path: source,
    ...(kind === 'file' ? { hint: 'To convert a torch.save file: dcp convert torch_to_dcp.' } : {}),
  });
}

async function requireTorchFile(source: string): Promise<void> {
  const pathIs = pathKind(source);
  requireThere(source, pathIs);
  const kind = pathIs === 'file' ? (await recogniseFile(source)).as : pathIs;
  if (kind === 'torch') return;
  const isDcp = kind === 'dcp-index' || kind === 'directory';
  throw new FileError(`The source is a ${kind === 'dcp-index' ? 'DCP index' : kind}`, {
    expected: 'a torch.save file',
    path: source,
    ...(isDcp ? { hint: 'To convert a DCP directory: dcp convert dcp_to_torch.' } : {}),
  });
}

function requireThere(source: string, kind: PathKind): void {
  if (kind === 'missing') throw new FileError('There is nothing at this path', { path: source });
}

/** The output must not take the place of a file that it is made from, nor remove one with an old checkpoint. */
function requireNoSource(replacedPaths: readonly string[], sources: readonly FileSnapshot[]): void {
  for (const path of replacedPaths) {
    const status = lookAt(path);
    const hit = status && sources.find(({ inode, device }) => inode === status.ino && device === status.dev);
    if (hit === undefined) continue;
    throw new UsageError('The output would replace a file of the source', {
      expected: 'a destination apart from the source',
      found: hit.path,
      path,
    });
  }
}
