import { DcpError } from '../errors.js';
import { decodePickle } from '../pickle/decode.js';
import { PROTO_CODE } from '../pickle/opcodes.js';

/** What the container of a torch.save file is recognised by; docs/formats/torch-save.md, "The containers". */

/** First pickle of a file in the container from before torch 1.6 (`MAGIC_NUMBER` in torch/serialization.py). */
const LEGACY_MAGIC = 0x1950a86a20f9469cfc6cn;
/** Under any pickle protocol the first pickle is shorter than this. */
const MAGIC_PICKLE_BYTE_LENGTH = 64;
const LONG = 0x4c;

/** Enough of the first bytes for everything here. */
export const HEAD_BYTE_LENGTH = 512;

export function isZip(head: Uint8Array): boolean {
  return startsWith(head, [0x50, 0x4b, 0x03, 0x04]);
}

export function isGzip(head: Uint8Array): boolean {
  return startsWith(head, [0x1f, 0x8b]);
}

/** Whether the first pickle is torch's number, whatever `pickle_protocol` it was saved with. */
export function isLegacyTorch(head: Uint8Array): boolean {
  if (head[0] !== PROTO_CODE && head[0] !== LONG) return false;
  try {
    return decodePickle(head.subarray(0, MAGIC_PICKLE_BYTE_LENGTH)).value === LEGACY_MAGIC;
  } catch (error) {
    if (error instanceof DcpError) return false;
    throw error;
  }
}

/** The tar archive of 2016 and 2017: its members, in any order. */
const TAR_MEMBERS = /^(\.\/)?(sys_info|pickle|tensors|storages)\0/;
const TAR_MAGIC_BYTE_OFFSET = 257;

export function isTorchTar(head: Uint8Array): boolean {
  return isTar(head) && TAR_MEMBERS.test(Buffer.from(head.subarray(0, 100)).toString('latin1'));
}

export function isTar(head: Uint8Array): boolean {
  return startsWith(head.subarray(TAR_MAGIC_BYTE_OFFSET), [0x75, 0x73, 0x74, 0x61, 0x72]);
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, i) => bytes[i] === byte);
}
