import { decodeLatin1 } from '../bytes.js';
import { SliceSource } from '../io/source.js';
import type { ScanTools } from './archives.js';
import { childRegion, type Region, readNow } from './region.js';

const BLOCK_BYTE_LENGTH = 512;
const MAX_MEMBERS = 100_000;
const FIELD = { name: [0, 100], size: [124, 136], checksum: [148, 156], type: 156 } as const;

/** Whether a block is the header of a member: by its checksum, as Python's `tarfile` tells, whatever its magic says. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < BLOCK_BYTE_LENGTH || block[0] === 0) return false;
  const stated = octalOf(block.subarray(...FIELD.checksum));
  let sum = 0;
  for (let i = 0; i < BLOCK_BYTE_LENGTH; i++)
    sum += i >= FIELD.checksum[0] && i < FIELD.checksum[1] ? 0x20 : block[i]!;
  return stated === sum;
}

/** Scans the members of a tar archive: the container of torch.save of 2016 and 2017 among them. */
export async function scanTar(region: Region, tools: ScanTools): Promise<void> {
  const { source } = region;
  let at = 0;
  for (let count = 0; at < source.byteLength; count++) {
    const header = readNow(source, at, BLOCK_BYTE_LENGTH);
    if (header.every(byte => byte === 0)) return;
    const byteLength = octalOf(header.subarray(...FIELD.size));
    const start = at + BLOCK_BYTE_LENGTH;
    if (!isTarHeader(header) || byteLength === undefined || count >= MAX_MEMBERS) {
      const message = 'The tar archive goes on with something that is no member of it';
      tools.collector.addFinding('unreadable', 'unknown', message, region, at);
      return;
    }
    const name = decodeLatin1(header.subarray(...FIELD.name)).replace(/\0.*$/s, '');
    const isFile = header[FIELD.type] === 0 || header[FIELD.type] === 0x30;
    if (isFile && byteLength > 0 && start < source.byteLength) {
      const length = Math.min(byteLength, source.byteLength - start);
      const member = new SliceSource(source, start, length);
      await tools.scan(childRegion(region, member, start, name), { isPickle: TORCH_MEMBER.test(name) });
    }
    at = start + Math.ceil(byteLength / BLOCK_BYTE_LENGTH) * BLOCK_BYTE_LENGTH;
  }
}

const TORCH_MEMBER = /^(\.\/)?(pickle|tensors|storages|sys_info)$|\.pkl$/;

/** A number as tar writes it: octal text, or, with the first bit set, in base 256. */
function octalOf(field: Uint8Array): number | undefined {
  if (field[0]! & 0x80) {
    const value = field.reduce((sum, byte, i) => sum * 256 + (i === 0 ? byte & 0x7f : byte), 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const text = decodeLatin1(field)
    .replace(/[\0 ]+$/g, '')
    .trim();
  return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : undefined;
}
