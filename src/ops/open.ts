import { hexOf } from '../bytes.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { openDcp } from '../dcp/reader.js';
import { FileError, FormatError, UnsupportedError } from '../errors.js';
import { pathKind } from '../io/listing.js';
import { FileSource, readRange } from '../io/source.js';
import { holdsSafetensors, openSafetensors } from '../safetensors/reader.js';
import { type FileForm, type FileProbe, findFileForm, PROBED_BYTE_LENGTH } from './file-forms.js';
import { locateCheckpoint } from './locate.js';
import { stateFileOf, withState } from './state-file.js';

/**
 * Opens whatever is at a path: a DCP directory, a `.metadata` file on its own, a torch.save file, a safetensors
 * file or a directory of them, with the state file that a conversion has put beside; of any other directory the one
 * checkpoint that is in it. Reads indexes only. The caller closes it.
 * @throws FileError for a missing path, FormatError and UnsupportedError that say what was found instead.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const kind = pathKind(path);
  if (kind === 'missing') throw new FileError('There is nothing at this path', { path });
  if (kind === 'directory') {
    const located = locateCheckpoint(path);
    if (pathKind(located) === 'directory') return openDirectory(located);
    return (await recogniseFile(located)).open(located);
  }
  if (kind !== 'file') {
    throw new FileError(`It is a ${kind}`, {
      expected: 'a DCP directory, a torch.save file or safetensors',
      path,
    });
  }
  return (await recogniseFile(path)).open(path);
}

async function openDirectory(path: string): Promise<Checkpoint> {
  if (!holdsOnlySafetensors(path)) return openDcp(path);
  return withState(await openSafetensors(path), stateFileOf(path));
}

/** Whether a directory holds safetensors files, and no DCP checkpoint beside them. */
export function holdsOnlySafetensors(directory: string): boolean {
  return pathKind(`${directory}/${METADATA_NAME}`) === 'missing' && holdsSafetensors(directory);
}

/**
 * What a file is, by its name and its first and last bytes, as something that can be opened.
 * @throws FormatError and UnsupportedError that say what else it is.
 */
export async function recogniseFile(path: string): Promise<NonNullable<FileForm['opens']>> {
  const file = await probe(path);
  const form = findFileForm(file);
  if (form?.opens !== undefined) return form.opens;
  if (form?.refusal !== undefined) {
    throw new UnsupportedError(form.refusal.what, { path, hint: form.refusal.hint });
  }
  throw new FormatError('The file is no checkpoint that is known here', {
    expected: 'a torch.save file, a safetensors file, or a DCP directory',
    found:
      file.byteLength === 0 ? 'an empty file' : `a file that begins with ${hexOf(file.head.subarray(0, 8))}`,
    path,
  });
}

async function probe(path: string): Promise<FileProbe> {
  const source = FileSource.open(path);
  try {
    const { byteLength } = source;
    const length = Math.min(PROBED_BYTE_LENGTH, byteLength);
    const head = await readRange(source, 0, length);
    const tail = await readRange(source, byteLength - length, length);
    return { path, byteLength, head, tail };
  } finally {
    source.close();
  }
}
