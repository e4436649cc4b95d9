/** Frames of the reference library; see fixtures/zstd/make_frames.py. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface KnownFrame {
  name: string;
  frame: Uint8Array;
  byteLength: number;
  sha256: string;
}

const path = fileURLToPath(new URL('../../../fixtures/zstd/frames.json', import.meta.url));
const { frames } = JSON.parse(readFileSync(path, 'utf8')) as {
  frames: { name: string; frame: string; byte_length: number; sha256: string }[];
};

export const knownFrames: readonly KnownFrame[] = frames.map(({ name, frame, byte_length, sha256 }) => ({
  name,
  frame: Buffer.from(frame, 'base64'),
  byteLength: byte_length,
  sha256,
}));

export function knownFrame(name: string): KnownFrame {
  const found = knownFrames.find(frame => frame.name === name);
  if (found === undefined) throw new Error(`no frame ${name}`);
  return found;
}
