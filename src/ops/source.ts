import type { Checkpoint, CheckpointFormat } from '../checkpoint/checkpoint.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { openDcp } from '../dcp/reader.js';
import { FileError, UsageError, withContext } from '../errors.js';
import { type PathKind, pathKind } from '../io/listing.js';
import { holdsSafetensors, openSafetensors } from '../safetensors/reader.js';
import { requireNoTorchScript } from '../torch/archive.js';
import { openTorchFile } from '../torch/reader.js';
import { holdsOnlySafetensors, recogniseFile } from './open.js';
import { stateFileOf, withState } from './state-file.js';
import { tornWarning, type Warning } from './warnings.js';

/** A checkpoint that is about to be converted. */
export interface OpenSource {
  checkpoint: Checkpoint;
  warnings: Warning[];
}

/**
 * The format of what is at a path.
 * @throws FileError where nothing is, UsageError for a directory of two formats.
 */
export async function formatOfSource(path: string): Promise<CheckpointFormat> {
  const kind = pathKind(path);
  requireThere(path, kind);
  if (kind === 'directory') {
    const holdsBoth = pathKind(`${path}/${METADATA_NAME}`) === 'file' && holdsSafetensors(path);
    if (holdsBoth) {
      throw new UsageError('The directory holds a DCP checkpoint and safetensors files', {
        path,
        hint: 'Say which: name the mode.',
      });
    }
    return holdsOnlySafetensors(path) ? 'safetensors' : 'dcp';
  }
  if (kind !== 'file') throw new FileError(`The source is a ${kind}`, { expected: 'a checkpoint', path });
  const { as } = await recogniseFile(path);
  return as === 'dcp-index' ? 'dcp' : as;
}

/**
 * Requires that what is at a path can be of a format, before anything is made or read.
 * @param to what it is to be converted to, for the mode that the hint names.
 * @throws FileError
 */
export async function requireSource(
  path: string,
  format: CheckpointFormat,
  to: CheckpointFormat,
): Promise<void> {
  const kind = pathKind(path);
  requireThere(path, kind);
  const found = kind === 'directory' ? directoryFormat(path, format) : await fileFormat(path, kind, format);
  if (found === format) return;
  // Who names the format of the destination as that of the source has mixed up the two.
  const target = found === to ? format : to;
  throw new FileError(`The source is ${found === undefined ? `a ${kind}` : FOUND[found]}`, {
    expected: EXPECTED[format],
    path,
    ...(found === undefined
      ? {}
      : { hint: `To convert ${FOUND[found]}: dcp convert ${found}_to_${target}.` }),
  });
}

/** Undefined where it can be neither what is wanted nor anything else that is known. */
function directoryFormat(path: string, wanted: CheckpointFormat): CheckpointFormat | undefined {
  if (holdsOnlySafetensors(path)) return 'safetensors';
  const hasIndex = pathKind(`${path}/${METADATA_NAME}`) === 'file';
  if (hasIndex && !(wanted === 'safetensors' && holdsSafetensors(path))) return 'dcp';
  // Who opens it says what is missing.
  return wanted === 'torch' ? undefined : wanted;
}

async function fileFormat(
  path: string,
  kind: PathKind,
  wanted: CheckpointFormat,
): Promise<CheckpointFormat | undefined> {
  if (kind !== 'file') return undefined;
  // A `.metadata` on its own is opened too: what follows says that the data are not at hand.
  if (wanted === 'dcp' && path.endsWith(METADATA_NAME)) return 'dcp';
  const { as } = await recogniseFile(path);
  return as === 'dcp-index' ? 'dcp' : as;
}

const EXPECTED: Readonly<Record<CheckpointFormat, string>> = {
  dcp: 'a DCP directory',
  torch: 'a torch.save file',
  safetensors: 'a safetensors file, or a directory of them',
};

const FOUND: Readonly<Record<CheckpointFormat, string>> = {
  dcp: 'a DCP checkpoint',
  torch: 'a torch.save file',
  safetensors: 'safetensors',
};

function requireThere(path: string, kind: PathKind): void {
  if (kind === 'missing') throw new FileError('There is nothing at this path', { path });
}

/**
 * Opens a source of a known format, with all its data files at hand, or with `salvage` as many as there are.
 * @throws as opening does; FileError for missing data files; with `strict`, CorruptDataError for a torn overwrite.
 */
export async function openSource(
  path: string,
  format: CheckpointFormat,
  { strict, salvage = false }: { strict: boolean; salvage?: boolean },
): Promise<OpenSource> {
  if (format === 'torch') {
    const checkpoint = await openTorchFile(path);
    return closedOnError(checkpoint, () => {
      withContext({ path }, () => requireNoTorchScript(checkpoint.format === 'torchscript'));
      return { checkpoint, warnings: [] };
    });
  }
  if (format === 'safetensors') {
    const tensors = await openSafetensors(path);
    const statePath = pathKind(path) === 'directory' ? stateFileOf(path) : undefined;
    return { checkpoint: await withState(tensors, statePath), warnings: [] };
  }
  const checkpoint = await openDcp(path);
  return closedOnError(checkpoint, () => {
    if (!salvage) checkpoint.requireFiles();
    return { checkpoint, warnings: tornWarning(checkpoint, strict) };
  });
}

function closedOnError<T>(checkpoint: Checkpoint, action: () => T): T {
  try {
    return action();
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}
