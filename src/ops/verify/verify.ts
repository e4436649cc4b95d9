import { startCopyThreads } from '../../copy/copy.js';
import { METADATA_NAME, stateOfDirectory } from '../../dcp/directory.js';
import { FileError, UsageError } from '../../errors.js';
import { listDirectory, pathKind } from '../../io/listing.js';
import { requireUnchanged, takeSnapshot } from '../../io/snapshot.js';
import { completenessOf } from '../completeness.js';
import { compareCheckpoints } from '../diff.js';
import type { DiffDifference } from '../diff-report.js';
import { formatOfDirectory, locateCheckpoint } from '../locate.js';
import { recogniseFile } from '../open.js';
import type { Progress } from '../progress.js';
import { openForReading, requireSameCheckpoint } from '../reading.js';
import type { SaveState } from '../save-state.js';
import { ByteAccount, type ByteCounts, type VerifiedFile, type VerifiedRange } from './byte-account.js';
import { ChecksumCheck } from './checksums.js';
import { type CheckContext, type CheckedCheckpoint, findableError } from './context.js';
import { checkDcp } from './dcp-check.js';
import { type Finding, type FindingRule, Findings } from './finding.js';
import { checkIntegrity, integrityPlaceOf, requireNoIntegrity, writeIntegrity } from './integrity.js';
import { checkReplicas } from './replicas.js';
import { checkSafetensors } from './safetensors-check.js';
import { checkTorchFile } from './torch-check.js';

export interface VerifyOptions {
  /** Read all data, and compare every checksum that is stored with them. */
  crc?: boolean;
  /** Compare copies of one box with each other, byte by byte. */
  replicas?: boolean;
  /** `check`: compare files with `integrity.json`. `write`: write it, if nothing is found. */
  sha256?: 'check' | 'write';
  /** With `sha256: 'write'`: replace an `integrity.json` that is there. */
  force?: boolean;
  /** Another checkpoint, of any format: it must hold the same, bit by bit. */
  against?: string;
  /** Rules whose findings are left out. */
  ignore?: readonly FindingRule[];
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
  /** Told what is known of which bytes, range by range; what it is not told of is not provable. */
  onRange?: (range: VerifiedRange) => void;
}

export interface VerifyReport {
  schema: 1;
  path: string;
  format: 'dcp' | 'torch' | 'torchscript' | 'safetensors' | null;
  state: SaveState;
  /** Whether nothing was found. */
  sound: boolean;
  findings: Finding[];
  /** Findings of these rules were left out. */
  ignored: FindingRule[];
  /** Entries of the index; null where it could not be read. */
  tensors: number | null;
  objects: number | null;
  bytes: ByteCounts;
  files: VerifiedFile[];
  /** Stored CRC-32s that were compared, and those that did not match; null without `crc`. */
  crc: { compared: number; damaged: number } | null;
  /** Copies of boxes that were compared; null without `replicas`, or where tensors could not be read. */
  replicas: { compared: number } | null;
  /**
   * Files whose digests were compared or written, and temporaries that could not be removed; null without `sha256`, or
   * where it was not written.
   */
  sha256: { path: string; files: number; written: boolean; leftBehind: string[] } | null;
  against: string | null;
}

/**
 * Tells all that can be known to be wrong with a checkpoint, and how much of it is proved. Nothing is changed, but
 * for `integrity.json` where that is asked for. Memory does not grow with the tensors.
 * @throws FileError where there is nothing to verify, or it changed meanwhile; UnsupportedError for what is of no
 * format known here; UsageError; InterruptedError. What is wrong with the checkpoint is never thrown.
 */
export async function verify(path: string, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { onProgress, signal } = options;
  onProgress?.({ phase: 'open' });
  if (pathKind(path) === 'missing') throw new FileError('There is nothing at this path', { path });
  const target = pathKind(path) === 'directory' ? locateToVerify(path) : path;
  const integrity = integrityPlaceOf(target);
  if (options.sha256 === 'write' && options.force !== true) requireNoIntegrity(integrity);

  const findings = new Findings();
  const account = new ByteAccount(options.onRange);
  const engine = engineOptions(options);
  const byteLength = byteLengthOf(target);
  // They begin while the index is read.
  const started = options.crc === true ? startCopyThreads(byteLength, engine) : undefined;
  const checksums = new ChecksumCheck(
    findings,
    account,
    options.crc === true ? { ...engine, started } : undefined,
    byteLength,
  );
  const context: CheckContext = { findings, account, checksums, signal };
  engine.onProgress?.({ byteCount: 0, byteTotal: byteLength });
  let checked: CheckedCheckpoint;
  try {
    checked = await checkByFormat(target, context);
    engine.onProgress?.({ byteCount: byteLength, byteTotal: byteLength });
  } finally {
    await started?.close();
  }
  try {
    const { checkpoint, isResolved } = checked;
    let replicas: VerifyReport['replicas'] = null;
    if (options.replicas === true && checkpoint !== undefined && isResolved)
      replicas = { compared: await checkReplicas(checkpoint, findings, engine) };
    if (options.against !== undefined) await checkAgainst(checked, options.against, findings, options);
    const names = account.result().files.map(({ relativePath }) => relativePath);
    let sha256: VerifyReport['sha256'] = null;
    if (options.sha256 === 'check') {
      const files = await checkIntegrity(integrity, names, { findings, account }, engine);
      sha256 = { path: integrity.path, files, written: false, leftBehind: [] };
    }
    const ignored = new Set(options.ignore ?? []);
    const kept = findings.list.filter(({ rule }) => !ignored.has(rule));
    if (options.sha256 === 'write' && kept.length === 0) {
      const { leftBehind } = await writeIntegrity(integrity, names, {
        ...engine,
        force: options.force ?? false,
        check: () => requireUnchanged(checked.snapshots),
      });
      sha256 = { path: integrity.path, files: names.length, written: true, leftBehind };
    } else requireUnchanged(checked.snapshots);
    const { files, bytes } = account.result();
    const entries = checkpoint?.entries;
    const tensors = entries?.filter(({ kind }) => kind === 'tensor').length;
    return {
      schema: 1,
      path: target,
      format: formatOf(checked, target),
      state: checked.state,
      sound: kept.length === 0,
      findings: kept,
      ignored: [...ignored],
      tensors: tensors ?? null,
      objects: entries === undefined ? null : entries.length - tensors!,
      bytes,
      files,
      crc: options.crc === true ? { compared: checksums.compared, damaged: checksums.damaged } : null,
      replicas,
      sha256,
      against: options.against ?? null,
    };
  } finally {
    checked.checkpoint?.close();
  }
}

function engineOptions({ workers, signal, onProgress }: VerifyOptions) {
  return {
    ...(workers === undefined ? {} : { workers }),
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined
      ? {}
      : {
          onProgress: (progress: { byteCount: number; byteTotal: number }) =>
            onProgress({ phase: 'verify', ...progress }),
        }),
  };
}

/** Also of a directory without an index: that a save is under way or died is what is to be told. */
function locateToVerify(path: string): string {
  return formatOfDirectory(listDirectory(path)) === undefined ? locateCheckpoint(path) : path;
}

async function checkByFormat(path: string, context: CheckContext): Promise<CheckedCheckpoint> {
  if (pathKind(path) !== 'directory') return checkFile(path, context);
  const entries = listDirectory(path);
  if (formatOfDirectory(entries) === 'safetensors') return checkSafetensors(path, context);
  const state = stateOfDirectory(entries, Date.now());
  if (state.kind !== 'saving' && state.kind !== 'dead') return checkDcp(path, context);
  const isSaving = state.kind === 'saving';
  context.findings.add(
    'no_index',
    isSaving
      ? 'A save into this directory seems to be in progress: it has no .metadata yet'
      : 'A save into this directory died before it was complete: it has no .metadata',
    { relativePath: METADATA_NAME, found: state.detail },
  );
  for (const { name, kind, byteLength } of entries)
    if (kind === 'file') context.account.addFile(name, byteLength);
  return { state: state.kind, checkpoint: undefined, isResolved: false, snapshots: [] };
}

async function checkFile(path: string, context: CheckContext): Promise<CheckedCheckpoint> {
  const relativePath = path.slice(path.lastIndexOf('/') + 1);
  let form: Awaited<ReturnType<typeof recogniseFile>>['as'];
  try {
    form = (await recogniseFile(path)).as;
  } catch (error) {
    const found = findableError(error);
    if (found.code !== 'format') throw found;
    context.findings.addError('index', found, { relativePath });
    return { state: 'unreadable', checkpoint: undefined, isResolved: false, snapshots: [] };
  }
  if (form === 'torch') return checkTorchFile(path, relativePath, context);
  if (form === 'safetensors') return checkSafetensors(path, context);
  throw new UsageError('Only the index is at hand, not the data files it names', {
    path,
    hint: 'Give the checkpoint directory.',
  });
}

function formatOf({ checkpoint }: CheckedCheckpoint, path: string): VerifyReport['format'] {
  const format = checkpoint?.format;
  if (format !== undefined && format !== 'memory') return format;
  if (pathKind(path) !== 'directory') return null;
  return formatOfDirectory(listDirectory(path)) ?? null;
}

function byteLengthOf(path: string): number {
  if (pathKind(path) === 'file') return takeSnapshot(path).byteLength;
  if (pathKind(path) !== 'directory') return 0;
  return listDirectory(path).reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** What `dcp diff` finds, as findings. */
async function checkAgainst(
  { checkpoint, isResolved }: CheckedCheckpoint,
  path: string,
  findings: Findings,
  { workers, signal, onProgress }: VerifyOptions,
): Promise<void> {
  const other = await openForReading(path);
  try {
    if (checkpoint === undefined || !isResolved || completenessOf(checkpoint) !== 'complete') {
      findings.add('differs', 'It could not be compared: not all of it can be read', { expected: path });
      return;
    }
    const { differences } = await compareCheckpoints(checkpoint, other, {
      ...(workers === undefined ? {} : { workers }),
      ...(signal === undefined ? {} : { signal }),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    for (const difference of differences) {
      const { message, expected, found } = differenceText(difference);
      findings.add('differs', message, { fqn: difference.fqn, expected, found });
    }
    requireSameCheckpoint(other);
  } finally {
    other.close();
  }
}

/** `b` is the other checkpoint: what was expected. */
function differenceText(difference: DiffDifference): {
  message: string;
  expected: string | undefined;
  found: string | undefined;
} {
  const texts = (message: string, expected?: string, found?: string) => ({ message, expected, found });
  switch (difference.kind) {
    case 'only_in_a':
      return texts('The other checkpoint does not have it', 'no entry', `a ${difference.entry}`);
    case 'only_in_b':
      return texts('Only the other checkpoint has it', `a ${difference.entry}`, 'no entry');
    case 'kind':
      return texts('It is of another kind in the other checkpoint', difference.b, difference.a);
    case 'dtype':
      return texts('It has another element type in the other checkpoint', difference.b, difference.a);
    case 'shape':
      return texts(
        'It has another shape in the other checkpoint',
        `[${difference.b.join(', ')}]`,
        `[${difference.a.join(', ')}]`,
      );
    case 'values': {
      const { differing, elements, firstIndex } = difference;
      return texts(
        'Its values differ from those of the other checkpoint',
        'equal bits',
        `${differing} of ${elements} elements differ, the first at [${firstIndex.join(', ')}]`,
      );
    }
    case 'object':
      return texts(
        'It is another object in the other checkpoint',
        undefined,
        `${difference.where}: ${difference.what}`,
      );
  }
}
