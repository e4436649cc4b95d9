import { readFileSync } from 'node:fs';

const folder = new URL('../../../fixtures/safetensors/', import.meta.url);

/** A tensor as goldens tell it: its type in torch's name, its bytes in hexadecimal. */
export interface GoldenTensor {
  name: string;
  dtype: string;
  shape: number[];
  hex: string;
}

/** What the reference implementation says of a file: its content, or its error. */
export interface GoldenImage {
  name: string;
  base64: string;
  error?: string;
  metadata?: Record<string, string> | null;
  tensors?: GoldenTensor[];
}

/** What the reference implementation writes. */
export interface GoldenWritten {
  name: string;
  metadata: Record<string, string> | null;
  tensors: GoldenTensor[];
  base64: string;
}

/** How huggingface_hub splits tensors of these sizes. */
export interface GoldenSplit {
  name: string;
  limit: number;
  sizes: [name: string, byteLength: number][];
  files: string[][];
  total_size: number;
}

export const images = read<GoldenImage>('images.json');
export const written = read<GoldenWritten>('written.json');
export const splits = read<GoldenSplit>('names.json');

function read<Row>(name: string): Row[] {
  return JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Row[];
}

export function bytesOf(row: { base64: string }): Uint8Array {
  return new Uint8Array(Buffer.from(row.base64, 'base64'));
}

/** A safetensors image of a header's text and its data. */
export function imageOf(header: string, data = ''): Uint8Array {
  const json = Buffer.from(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(json.length));
  return new Uint8Array(Buffer.concat([prefix, json, Buffer.from(data)]));
}
