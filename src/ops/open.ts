import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { openDcp } from '../dcp/reader.js';
import { FileError, FormatError, UnsupportedError } from '../errors.js';
import { pathKind } from '../io/listing.js';
import { FileSource, readRange } from '../io/source.js';
import { isSafetensorsHead } from '../safetensors/header.js';
import { INDEX_PATTERN } from '../safetensors/index-file.js';
import { holdsSafetensors, openSafetensors } from '../safetensors/reader.js';
import { openTorchFile } from '../torch/reader.js';

const ZIP_MAGIC = [0x50, 0x4b, 0x03, 0x04];
/** The first pickle of a torch.save file before 1.6 holds this number, as a LONG1 of ten bytes. */
const LEGACY_MAGIC = [
  0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
];
const GZIP_MAGIC = [0x1f, 0x8b];
const PROTO = 0x80;

/**
 * Opens whatever is at a path: a DCP directory, a `.metadata` file on its own, a torch.save file, a safetensors
 * file or a directory of them. Reads
 * indexes only. The caller closes it.
 * @throws FileError for a missing path, FormatError and UnsupportedError that say what was found instead.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const kind = pathKind(path);
  if (kind === 'missing') throw new FileError('There is nothing at this path', { path });
  if (kind === 'directory') return holdsOnlySafetensors(path) ? openSafetensors(path) : openDcp(path);
  if (kind !== 'file') {
    throw new FileError(`It is a ${kind}`, {
      expected: 'a DCP directory, a torch.save file or safetensors',
      path,
    });
  }
  const format = await recogniseFile(path);
  if (format === 'safetensors') return openSafetensors(path);
  return format === 'torch' ? openTorchFile(path) : openDcp(path);
}

/** Whether a directory holds safetensors files, and no DCP checkpoint beside them. */
export function holdsOnlySafetensors(directory: string): boolean {
  return pathKind(`${directory}/${METADATA_NAME}`) === 'missing' && holdsSafetensors(directory);
}

/**
 * What a file is, by its name and its first bytes: a torch.save archive, safetensors, or the index of a DCP
 * checkpoint.
 * @throws FormatError and UnsupportedError that say what else it is.
 */
export async function recogniseFile(path: string): Promise<'torch' | 'dcp-index' | 'safetensors'> {
  // Before the bytes are looked at: each of its items is a zip archive.
  if (path.endsWith('.distcp')) {
    throw new UnsupportedError('A data file of a DCP checkpoint cannot be read without its index', {
      path,
      hint: 'Give the directory that holds it and .metadata.',
    });
  }
  const { head, byteLength } = await readHead(path);
  const startsWith = (magic: readonly number[]): boolean => magic.every((byte, i) => head[i] === byte);
  if (startsWith(ZIP_MAGIC)) return 'torch';
  if (startsWith(LEGACY_MAGIC)) {
    throw new UnsupportedError('This torch.save file has the container from before torch 1.6', {
      path,
      hint: 'Load it in torch 1.6 or newer and save it again.',
    });
  }
  if (startsWith(GZIP_MAGIC)) {
    throw new UnsupportedError('The file is compressed with gzip', {
      path,
      hint: 'Uncompress it first: gunzip.',
    });
  }
  if (isSafetensorsHead(head, byteLength) || isSafetensorsName(path)) return 'safetensors';
  if (head[0] === PROTO && path.endsWith(METADATA_NAME)) return 'dcp-index';
  throw new FormatError('The file is no checkpoint that is known here', {
    expected: 'a zip archive of torch.save, a safetensors file, or a DCP directory',
    found: head.length === 0 ? 'an empty file' : `a file that begins with ${hex(head.subarray(0, 8))}`,
    path,
  });
}

function isSafetensorsName(path: string): boolean {
  return path.endsWith('.safetensors') || INDEX_PATTERN.test(path);
}

async function readHead(path: string): Promise<{ head: Uint8Array; byteLength: number }> {
  const source = FileSource.open(path);
  try {
    const { byteLength } = source;
    return { head: await readRange(source, 0, Math.min(16, byteLength)), byteLength };
  } finally {
    source.close();
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(' ');
}
