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

/** Requires that what is at a path can be of a format, before anything is made or read. @throws FileError */
export async function requireSource(path: string, format: CheckpointFormat): Promise<void> {
  const kind = pathKind(path);
  requireThere(path, kind);
  if (format === 'dcp') {
    // A `.metadata` on its own is opened too: what follows says that the data are not at hand.
    if (kind === 'directory' || (kind === 'file' && path.endsWith(METADATA_NAME))) return;
    throw new FileError(`The source is a ${kind}`, {
      expected: 'a DCP directory',
      path,
      ...(kind === 'file' ? { hint: 'To convert a torch.save file: dcp convert torch_to_dcp.' } : {}),
    });
  }
  if (kind === 'directory' && format === 'safetensors') return;
  const found = kind === 'file' ? (await recogniseFile(path)).as : kind;
  if (found === format) return;
  const isDcp = found === 'dcp-index' || (found === 'directory' && !holdsOnlySafetensors(path));
  const other = isDcp ? 'dcp' : found === 'directory' ? 'safetensors' : found;
  throw new FileError(`The source is a ${NAMES_FOUND[found] ?? found}`, {
    expected: format === 'torch' ? 'a torch.save file' : 'a safetensors file, or a directory of them',
    path,
    ...(other in HINTS ? { hint: HINTS[other as keyof typeof HINTS] } : {}),
  });
}

const NAMES_FOUND: Partial<Record<string, string>> = {
  'dcp-index': 'DCP index',
  torch: 'torch.save file',
  safetensors: 'safetensors file',
};

const HINTS = {
  dcp: 'To convert a DCP directory: dcp convert dcp_to_torch.',
  torch: 'To convert a torch.save file: dcp convert torch_to_dcp.',
  safetensors: 'To convert safetensors: dcp convert safetensors_to_dcp.',
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
