import { decodeUtf8, encodeUtf8, readUint64LE } from '../bytes.js';
import { elementCountOf, requireCountable } from '../checkpoint/box.js';
import type { DTypeInfo } from '../dtype.js';
import { FormatError, LimitError, UnsupportedError, withContext } from '../errors.js';
import { type SafetensorsType, safetensorsTypeNamed, safetensorsTypeOf } from './element-types.js';
import { JsonCursor } from './json-cursor.js';

/**
 * A safetensors file: the header's byte length N (8 bytes, little-endian), N bytes of JSON, then the tensors'
 * bytes, row-major and little-endian, without gaps. docs/formats/safetensors.md.
 */

/** Bytes of the number in front of the header. */
export const PREFIX_BYTE_LENGTH = 8;
/** What the reference implementation reads at most. */
export const MAX_HEADER_BYTE_LENGTH = 100_000_000;
/** Writers pad the header with blanks, so that the data begin at a multiple of it. */
const HEADER_ALIGNMENT = 8;
const METADATA_KEY = '__metadata__';

/** One tensor of a header. */
export interface HeaderTensor {
  fqn: string;
  dtype: DTypeInfo;
  /** In elements of torch: of 4-bit floats it counts pairs, and the header says twice the last dimension. */
  shape: readonly number[];
  /** From the end of the header. */
  byteOffset: number;
  byteLength: number;
}

export interface SafetensorsHeader {
  /** `__metadata__`; empty where the header has none. */
  metadata: ReadonlyMap<string, string>;
  /** In the order of the header. */
  tensors: readonly HeaderTensor[];
}

/**
 * The byte length of the header, from the file's first 8 bytes.
 * @param imageByteLength of the whole file, or of the part of a file that is a safetensors image.
 * @throws FormatError for a file too short for it, LimitError for one over the limit of the format.
 */
export function decodeHeaderByteLength(prefix: Uint8Array, imageByteLength: number): number {
  if (prefix.length < PREFIX_BYTE_LENGTH || imageByteLength < PREFIX_BYTE_LENGTH) {
    throw new FormatError('The file is too short for safetensors', {
      expected: `${PREFIX_BYTE_LENGTH} bytes at least`,
      found: `${Math.min(prefix.length, imageByteLength)} bytes`,
    });
  }
  const byteLength = readUint64LE(prefix, 0);
  if (byteLength > MAX_HEADER_BYTE_LENGTH) {
    throw new LimitError('The header of the safetensors file is too large', {
      expected: `${MAX_HEADER_BYTE_LENGTH} bytes at most`,
      found: `${byteLength} bytes`,
    });
  }
  if (byteLength > imageByteLength - PREFIX_BYTE_LENGTH) {
    throw new FormatError('The header reaches past the end of the file', {
      expected: `${byteLength} bytes behind the first ${PREFIX_BYTE_LENGTH}`,
      found: `${imageByteLength - PREFIX_BYTE_LENGTH} bytes`,
    });
  }
  return byteLength;
}

/** Whether a file of this length that begins so may be a safetensors file: a length that fits, then JSON. */
export function isSafetensorsHead(head: Uint8Array, byteLength: number): boolean {
  if (head.length <= PREFIX_BYTE_LENGTH) return false;
  const headerByteLength = readUint64LE(head, 0);
  const first = head[PREFIX_BYTE_LENGTH];
  const startsObject = first === 0x7b || first === 0x20;
  return (
    startsObject &&
    headerByteLength <= MAX_HEADER_BYTE_LENGTH &&
    headerByteLength + PREFIX_BYTE_LENGTH <= byteLength
  );
}

/**
 * Decodes and validates a header: names and members once only, known types, every length shape × element size, and
 * tensors that together are the data, without hole or overlap, to the end of the file.
 *
 * The reference implementation (safetensors 0.8.0) lets more pass: of members with one name it takes the last, it
 * skips members of a tensor that it does not know, and takes an array for a tensor's object.
 *
 * @param dataByteLength bytes behind the header.
 * @throws FormatError, LimitError, UnsupportedError naming the tensor.
 */
export function decodeHeader(json: Uint8Array, dataByteLength: number): SafetensorsHeader {
  const cursor = new JsonCursor(decodeStrictUtf8(json));
  const metadata = new Map<string, string>();
  const tensors: HeaderTensor[] = [];
  cursor.object(name => {
    if (name === METADATA_KEY) {
      if (!cursor.takeNull()) cursor.object(key => void metadata.set(key, cursor.string()));
    } else tensors.push(withContext({ fqn: name }, () => decodeTensor(cursor, name)));
  });
  cursor.end();
  requireTiled(tensors, dataByteLength);
  return { metadata, tensors };
}

function decodeStrictUtf8(bytes: Uint8Array): string {
  const text = decodeUtf8(bytes);
  // Python's codec lets lone surrogates pass, JSON does not.
  if (/\p{Surrogate}/u.test(text)) throw new FormatError('The header is not UTF-8', { found: 'a surrogate' });
  return text;
}

function decodeTensor(cursor: JsonCursor, fqn: string): HeaderTensor {
  let typeName: string | undefined;
  let shape: number[] | undefined;
  let range: number[] | undefined;
  const integers = (): number[] => {
    const items: number[] = [];
    cursor.array(() => items.push(cursor.integer()));
    return items;
  };
  cursor.object(member => {
    if (member === 'dtype') typeName = cursor.string();
    else if (member === 'shape') shape = integers();
    else if (member === 'data_offsets') range = integers();
    else throw new FormatError('A tensor has a member that is not known', { found: JSON.stringify(member) });
  });
  if (typeName === undefined || shape === undefined || range === undefined) {
    throw new FormatError('A tensor lacks a member', { expected: 'dtype, shape and data_offsets' });
  }
  const [start, end] = range;
  if (range.length !== 2 || start! > end!) {
    throw new FormatError('data_offsets is not a range', {
      expected: '[begin, end]',
      found: `[${range.join(', ')}]`,
    });
  }
  const type = typeOf(typeName);
  const byteLength = end! - start!;
  requireLength(type, shape, byteLength);
  return { fqn, dtype: type.dtype, shape: torchShape(type, shape), byteOffset: start!, byteLength };
}

function typeOf(name: string): SafetensorsType & { dtype: DTypeInfo } {
  const type = safetensorsTypeNamed(name);
  if (type === undefined) throw new UnsupportedError('Unknown element type', { found: JSON.stringify(name) });
  const { dtype } = type;
  if (dtype === undefined) throw new UnsupportedError('Torch has no such element type', { found: name });
  return { ...type, dtype };
}

function requireLength(type: SafetensorsType, shape: readonly number[], byteLength: number): void {
  // Elements of half a byte: counting bits would lose exactness earlier.
  requireCountable(shape, Math.max(1, type.bits / 8));
  const bitLength = elementCountOf(shape) * type.bits;
  if (bitLength === byteLength * 8) return;
  throw new FormatError('The bytes of a tensor do not match its shape', {
    expected: `${bitLength / 8} bytes for ${type.name} of shape [${shape.join(', ')}]`,
    found: `${byteLength} bytes`,
  });
}

function torchShape(type: SafetensorsType, shape: readonly number[]): readonly number[] {
  const last = shape.at(-1);
  if (type.perElement === 1 || last === undefined) return shape;
  if (last % type.perElement === 0) return shape.with(-1, last / type.perElement);
  throw new UnsupportedError('Torch keeps these elements in pairs, and the last dimension is odd', {
    found: `${type.name} of shape [${shape.join(', ')}]`,
  });
}

/** Sorted by their ranges, each tensor begins where the one before it ends, and the last ends with the file. */
function requireTiled(tensors: readonly HeaderTensor[], dataByteLength: number): void {
  const sorted = [...tensors].sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let end = 0;
  for (const { fqn, byteOffset, byteLength } of sorted) {
    if (byteOffset !== end) {
      const what =
        byteOffset > end
          ? 'Bytes before a tensor belong to no tensor'
          : 'A tensor overlaps the one before it';
      throw new FormatError(what, {
        expected: `data_offsets beginning at ${end}`,
        found: byteOffset,
        fqn,
      });
    }
    end = byteOffset + byteLength;
  }
  if (end === dataByteLength) return;
  throw new FormatError(
    end < dataByteLength ? 'Bytes at the end of the file belong to no tensor' : 'The file is too short',
    { expected: `${end} bytes of data`, found: `${dataByteLength} bytes` },
  );
}

/** A tensor to be written. */
export interface WrittenTensor {
  fqn: string;
  dtype: DTypeInfo;
  shape: readonly number[];
}

/** The header's bytes with the 8 before them, and where each tensor's data begin from the start of the file. */
export interface EncodedHeader<T extends WrittenTensor> {
  bytes: Uint8Array;
  /** In the order of their data, which is that of the header. */
  tensors: { tensor: T; byteOffset: number; byteLength: number }[];
  /** Of the whole file. */
  byteLength: number;
}

/**
 * Lays a file out as the reference implementation does: tensors by type (the last of its list first), then by the
 * bytes of their names; compact JSON, padded with blanks to 8 bytes. `metadata` keeps its order.
 * @throws LimitError for a header that no reader accepts, FormatError for a name or metadata that JSON cannot hold,
 * or a name that the format keeps for itself.
 */
export function encodeHeader<T extends WrittenTensor>(
  tensors: readonly T[],
  metadata: ReadonlyMap<string, string>,
): EncodedHeader<T> {
  const placed = tensors.map(tensor => {
    if (tensor.fqn === METADATA_KEY || /\p{Surrogate}/u.test(tensor.fqn)) {
      throw new FormatError('A safetensors file cannot hold a tensor of this name', { fqn: tensor.fqn });
    }
    const type = safetensorsTypeOf(tensor.dtype);
    if (type === undefined) throw new Error(`${tensor.dtype.name} has no place in safetensors`);
    const byteLength = elementCountOf(tensor.shape) * tensor.dtype.itemSize;
    return { tensor, type, name: encodeUtf8(tensor.fqn), byteLength, start: 0 };
  });
  placed.sort((a, b) => b.type.rank - a.type.rank || Buffer.compare(a.name, b.name));
  const members: string[] = [];
  if (metadata.size > 0) {
    const inPairs = [...metadata].find(([key, value]) => /\p{Surrogate}/u.test(key + value));
    if (inPairs !== undefined) {
      throw new FormatError('A safetensors header cannot hold half a surrogate pair in its metadata', {
        found: inPairs.map(text => JSON.stringify(text)).join(': '),
      });
    }
    const texts = [...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
    members.push(`"${METADATA_KEY}":{${texts.join(',')}}`);
  }
  let end = 0;
  for (const each of placed) {
    each.start = end;
    end += each.byteLength;
    members.push(
      `${JSON.stringify(each.tensor.fqn)}:${tensorJson(each.type, each.tensor.shape, each.start, end)}`,
    );
  }
  const json = encodeUtf8(`{${members.join(',')}}`);
  const headerByteLength = Math.ceil(json.length / HEADER_ALIGNMENT) * HEADER_ALIGNMENT;
  if (headerByteLength > MAX_HEADER_BYTE_LENGTH) {
    throw new LimitError('The header of the safetensors file would be larger than its readers accept', {
      expected: `${MAX_HEADER_BYTE_LENGTH} bytes at most`,
      found: `${headerByteLength} bytes`,
      hint: 'Write more and smaller files: --max-shard-size.',
    });
  }
  const bytes = new Uint8Array(PREFIX_BYTE_LENGTH + headerByteLength).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerByteLength), true);
  bytes.set(json, PREFIX_BYTE_LENGTH);
  return {
    bytes,
    tensors: placed.map(({ tensor, start, byteLength }) => ({
      tensor,
      byteOffset: bytes.length + start,
      byteLength,
    })),
    byteLength: bytes.length + end,
  };
}

function tensorJson(type: SafetensorsType, shape: readonly number[], start: number, end: number): string {
  const last = shape.at(-1);
  const sizes = type.perElement === 1 ? shape : shape.with(-1, last! * type.perElement);
  return `{"dtype":"${type.name}","shape":[${sizes.join(',')}],"data_offsets":[${start},${end}]}`;
}
