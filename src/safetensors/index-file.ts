import { decodeUtf8, encodeUtf8 } from '../bytes.js';
import { FormatError } from '../errors.js';
import { JsonCursor } from './json-cursor.js';

/**
 * The index of a Hugging Face directory, which tells the file of each tensor:
 * `{"metadata": {"total_size": …}, "weight_map": {name: file}}`.
 */
export const INDEX_NAME = 'model.safetensors.index.json';
/** As transformers and diffusers name indexes, variants included: `model.safetensors.index.fp16.json`. */
export const INDEX_PATTERN = /\.safetensors\.index(\.[^./]+)?\.json$/;
/** The file of a model that needs no index. */
export const SINGLE_NAME = 'model.safetensors';
/** More than the index of a million tensors needs. */
export const MAX_INDEX_BYTE_LENGTH = 256 << 20;

/**
 * The file of each tensor, in the order of the index. Members beside `weight_map` are skipped: `total_size` counts
 * tied tensors twice in some releases of transformers, and so proves nothing.
 * @throws FormatError for what is not such an index, a name twice, and a file outside the directory.
 */
export function decodeIndex(bytes: Uint8Array): Map<string, string> {
  const cursor = new JsonCursor(decodeUtf8(bytes));
  let weightMap: Map<string, string> | undefined;
  cursor.object(member => {
    if (member !== 'weight_map') {
      cursor.skipValue();
      return;
    }
    const files = new Map<string, string>();
    cursor.object(fqn => {
      const file = cursor.string();
      if (!isPlainName(file)) {
        throw new FormatError('The index names a file outside its directory', {
          expected: 'the name of a file',
          found: JSON.stringify(file),
          fqn,
        });
      }
      files.set(fqn, file);
    });
    weightMap = files;
  });
  cursor.end();
  if (weightMap === undefined) throw new FormatError('The index has no weight_map');
  return weightMap;
}

/** Also a backslash and a drive letter count as they do on Windows. */
function isPlainName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name) && !/^[A-Za-z]:/.test(name);
}

/** As huggingface_hub writes it: keys sorted by code points, indented by 2, a newline at the end. */
export function encodeIndex(weightMap: ReadonlyMap<string, string>, totalSize: number): Uint8Array {
  const sorted = [...weightMap].sort(([a], [b]) => compareCodePoints(a, b));
  const rows = sorted.map(([fqn, file]) => `    ${asciiJson(fqn)}: ${asciiJson(file)}`);
  const map = rows.length === 0 ? '{}' : `{\n${rows.join(',\n')}\n  }`;
  return encodeUtf8(`{\n  "metadata": {\n    "total_size": ${totalSize}\n  },\n  "weight_map": ${map}\n}\n`);
}

/** Python sorts text by code points, JavaScript by UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  return Buffer.compare(encodeUtf8(a), encodeUtf8(b));
}

/** Python's `json` escapes all that is not ASCII, and DEL not. */
function asciiJson(text: string): string {
  return JSON.stringify(text).replace(
    /[\u0080-\uffff]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** `model-00001-of-00003.safetensors`. */
export function shardName(shard: number, shardCount: number): string {
  const number = (value: number): string => String(value).padStart(5, '0');
  return `model-${number(shard + 1)}-of-${number(shardCount)}.safetensors`;
}

/**
 * Which tensors go into which file, by position: in the given order, a file ends before the tensor that would make it
 * larger than `maxByteLength`; a tensor larger than that has a file of its own, and the one before it goes on
 * behind it. So huggingface_hub splits a state dict.
 */
export function splitIntoShards(byteLengths: readonly number[], maxByteLength: number): number[][] {
  const shards: number[][] = [];
  let open: number[] = [];
  let openByteLength = 0;
  for (const [position, byteLength] of byteLengths.entries()) {
    if (byteLength > maxByteLength) {
      shards.push([position]);
      continue;
    }
    if (openByteLength + byteLength > maxByteLength) {
      shards.push(open);
      open = [];
      openByteLength = 0;
    }
    open.push(position);
    openByteLength += byteLength;
  }
  if (open.length > 0) shards.push(open);
  return shards;
}
