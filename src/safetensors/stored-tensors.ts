import type { Box } from '../checkpoint/box.js';
import type { SourceFile } from '../checkpoint/checkpoint.js';
import type { DTypeInfo } from '../dtype.js';
import { FormatError, UnsupportedError } from '../errors.js';
import type { SafetensorsHeader } from './header.js';
import { JsonCursor } from './json-cursor.js';

/**
 * Where torch's own writer of safetensors (`torch/distributed/checkpoint/hf_storage.py`) says which part of a tensor
 * a rank's file holds: JSON, name → `{"saved_offsets": [first element in each dimension]}`.
 */
export const SHARDING_KEY = 'DCP_SHARDING_INFO';

/** A tensor in a file: the whole of it, or the box that one rank saved. */
export interface StoredTensor extends Box {
  fqn: string;
  dtype: DTypeInfo;
  file: number;
  byteOffset: number;
  byteLength: number;
  /** Whether the file says that it holds boxes. */
  isSharded: boolean;
}

/** A tensor with the boxes that files hold of it. */
export interface JoinedTensor {
  fqn: string;
  dtype: DTypeInfo;
  shape: readonly number[];
  chunks: readonly StoredTensor[];
}

/** The tensors of one header. @throws FormatError, where what it says of boxes does not fit its tensors. */
export function storedTensors({ metadata, tensors }: SafetensorsHeader, file: number): StoredTensor[] {
  const sharding = metadata.get(SHARDING_KEY);
  const offsetsOf = sharding === undefined ? undefined : decodeShardingInfo(sharding);
  return tensors.map(({ fqn, dtype, shape, byteOffset, byteLength }) => {
    const offsets = offsetsOf === undefined ? shape.map(() => 0) : offsetsOf.get(fqn);
    if (offsets?.length !== shape.length) {
      throw new FormatError(`${SHARDING_KEY} does not fit a tensor`, {
        expected: `${shape.length} offsets`,
        found: offsets === undefined ? 'none' : `${offsets.length}`,
        fqn,
      });
    }
    return {
      fqn,
      dtype,
      offsets,
      sizes: shape,
      file,
      byteOffset,
      byteLength,
      isSharded: offsetsOf !== undefined,
    };
  });
}

function decodeShardingInfo(text: string): Map<string, number[]> {
  const cursor = new JsonCursor(text);
  const offsetsOf = new Map<string, number[]>();
  cursor.object(fqn => {
    const offsets: number[] = [];
    cursor.object(member => {
      if (member === 'saved_offsets') cursor.array(() => offsets.push(cursor.integer()));
      else cursor.skipValue();
    });
    offsetsOf.set(fqn, offsets);
  });
  cursor.end();
  return offsetsOf;
}

/**
 * Puts the boxes of each tensor together, in the order of first sight. The shape is where the last box ends, as in
 * torch's reader of such directories: nothing else tells it.
 * @throws FormatError for a name that two files hold whole, UnsupportedError for boxes of different types.
 */
export function joinTensors(stored: readonly StoredTensor[], files: readonly SourceFile[]): JoinedTensor[] {
  const byFqn = new Map<string, StoredTensor[]>();
  for (const tensor of stored) {
    const known = byFqn.get(tensor.fqn);
    if (known === undefined) byFqn.set(tensor.fqn, [tensor]);
    else known.push(tensor);
  }
  return [...byFqn].map(([fqn, chunks]) => {
    const first = chunks[0]!;
    for (const chunk of chunks.slice(1)) {
      if (!chunk.isSharded || !first.isSharded) {
        throw new FormatError('Two files hold a tensor of the same name, and no index tells which counts', {
          found: `${files[first.file]!.name} and ${files[chunk.file]!.name}`,
          fqn,
        });
      }
      if (chunk.dtype !== first.dtype || chunk.sizes.length !== first.sizes.length) {
        throw new UnsupportedError('The files hold different kinds of boxes of one tensor', {
          found: `${first.dtype.name} [${first.sizes.join(', ')}] and ${chunk.dtype.name} [${chunk.sizes.join(', ')}]`,
          fqn,
        });
      }
    }
    const shape = first.sizes.map((_, d) =>
      Math.max(...chunks.map(({ offsets, sizes }) => offsets[d]! + sizes[d]!)),
    );
    return { fqn, dtype: first.dtype, shape, chunks };
  });
}
