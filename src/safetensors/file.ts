import { withContext } from '../errors.js';
import { type ByteSource, readRange } from '../io/source.js';
import {
  decodeHeader,
  decodeHeaderByteLength,
  type HeaderTensor,
  PREFIX_BYTE_LENGTH,
  type SafetensorsHeader,
} from './header.js';

/**
 * Reads the header of a safetensors image: a whole file, or the part of one that `byteOffset` and `byteLength` tell.
 * The `byteOffset` of each tensor counts from the start of the source.
 * @throws FormatError, LimitError, UnsupportedError with the path and the tensor, FileError where reading fails.
 */
export async function readSafetensorsHeader(
  source: ByteSource,
  byteOffset = 0,
  byteLength = source.byteLength - byteOffset,
): Promise<SafetensorsHeader> {
  const context = { path: source.name, ...(byteOffset === 0 ? {} : { byteOffset }) };
  const prefix = await readRange(source, byteOffset, Math.min(PREFIX_BYTE_LENGTH, byteLength));
  const headerByteLength = withContext(context, () => decodeHeaderByteLength(prefix, byteLength));
  const json = await readRange(source, byteOffset + PREFIX_BYTE_LENGTH, headerByteLength);
  const dataStart = PREFIX_BYTE_LENGTH + headerByteLength;
  const { metadata, tensors } = withContext(context, () => decodeHeader(json, byteLength - dataStart));
  const placed = tensors.map(
    (tensor): HeaderTensor => ({ ...tensor, byteOffset: byteOffset + dataStart + tensor.byteOffset }),
  );
  return { metadata, tensors: placed };
}
