import { setImmediate } from 'node:timers/promises';
import { decodeLatin1 } from '../bytes.js';
import { InterruptedError } from '../errors.js';
import { SliceSource } from '../io/source.js';
import type { ScanTools } from './archives.js';
import { childRegion, type Region, readNow } from './region.js';

const BLOCK_BYTE_LENGTH = 512;
const MAX_MEMBERS = 100_000;
/** Members between two looks at the signal. */
const MEMBERS_A_TURN = 256;
/** So much of an extended header is looked at. */
const MAX_HEADER_BYTE_LENGTH = 1 << 20;
const FIELD = { name: [0, 100], size: [124, 136], checksum: [148, 156], type: 156 } as const;
/** Links, devices, directories, pipes: what they say of a length is passed over, and the next header follows at once. */
const WITHOUT_DATA = '123456';
/** Names and sizes for the member behind them, by POSIX (`x`, `g`), Solaris (`X`) and GNU (`L`, `K`). */
const EXTENDED = 'xgXLK';
const SPARSE = 'S';

interface Member {
  name: string;
  type: string;
  byteLength: number;
}

/** Whether a block is the header of a member: by its checksum, as Python's `tarfile` tells, whatever its magic says. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < BLOCK_BYTE_LENGTH) return false;
  const stated = numberOf(block.subarray(...FIELD.checksum));
  let unsigned = 0;
  let signed = 0;
  for (let i = 0; i < BLOCK_BYTE_LENGTH; i++) {
    const byte = i >= FIELD.checksum[0] && i < FIELD.checksum[1] ? 0x20 : block[i]!;
    unsigned += byte;
    signed += (byte << 24) >> 24;
  }
  return stated === unsigned || stated === signed;
}

/**
 * Scans the members of a tar archive, the container of torch.save of 2016 and 2017 among them, where `tarfile` of Python
 * finds them. What other readers find elsewhere is a finding.
 */
export async function scanTar(region: Region, tools: ScanTools): Promise<void> {
  const { source } = region;
  const fault = (message: string, at: number): void =>
    tools.collector.addFinding('archive', 'unknown', message, region, at);
  let at = 0;
  /** An extended header in front of a member names it as torch names what it unpickles. */
  let isNamedByExtension = false;
  for (let count = 0; at < source.byteLength; count++) {
    if (count % MEMBERS_A_TURN === MEMBERS_A_TURN - 1) {
      await setImmediate();
      if (tools.signal?.aborted === true) throw new InterruptedError('The scan was interrupted');
    }
    const header = readNow(source, at, BLOCK_BYTE_LENGTH);
    if (header.every(byte => byte === 0)) return;
    const member = memberOf(header);
    if (member === undefined || count >= MAX_MEMBERS) {
      const message = 'The tar archive goes on with something that is no member of it';
      tools.collector.addFinding('unreadable', 'unknown', message, region, at);
      return;
    }
    const { type, byteLength } = member;
    const start = at + BLOCK_BYTE_LENGTH;
    const length = Math.max(0, Math.min(byteLength, source.byteLength - start));
    if (type === SPARSE)
      fault('A sparse member of the tar archive: what it holds is put together when it is read', at);
    if (EXTENDED.includes(type)) {
      const text = decodeLatin1(readNow(source, start, Math.min(length, MAX_HEADER_BYTE_LENGTH)));
      // Wherever it stands: readers step from record to record in different ways.
      if (/\d (size|GNU\.sparse\.[^=]*)=/.test(text))
        fault('An extended header of the tar archive gives a member another length', at);
      if (length > MAX_HEADER_BYTE_LENGTH)
        fault('An extended header of the tar archive is too long to be looked at whole', at);
      isNamedByExtension ||= TORCH_EXTENSION.test(text);
    } else {
      const isPickle = isNamedByExtension || TORCH_MEMBER.test(member.name);
      isNamedByExtension = false;
      if (WITHOUT_DATA.includes(type)) {
        if (byteLength > 0)
          fault('A member of the tar archive that has no data states a length: readers differ', at);
        at = start;
        continue;
      }
      if (length > 0) {
        const inside = new SliceSource(source, start, length);
        await tools.scan(childRegion(region, inside, start, member.name), { isPickle });
      }
    }
    at = start + Math.ceil(byteLength / BLOCK_BYTE_LENGTH) * BLOCK_BYTE_LENGTH;
  }
}

function memberOf(header: Uint8Array): Member | undefined {
  if (!isTarHeader(header)) return undefined;
  const byteLength = numberOf(header.subarray(...FIELD.size));
  if (byteLength === undefined || byteLength < 0) return undefined;
  const name = decodeLatin1(header.subarray(...FIELD.name)).replace(/\0.*$/s, '');
  const type = String.fromCharCode(header[FIELD.type]!);
  // Before POSIX a directory was a file whose name ends so.
  return { name, type: type === '\0' && name.endsWith('/') ? '5' : type, byteLength };
}

const TORCH_MEMBER = /^(\.\/)?(pickle|tensors|storages|sys_info)$|\.pkl$/;
/** The same in an extended header: a record `path=`, or a text that ends with NUL. */
const TORCH_EXTENSION = /(^|=)(\.\/)?(pickle|tensors|storages|sys_info)[\n\0]|\.pkl[\n\0]/;

/** What `str.strip` of Python takes away of ASCII. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
const BLANKS = /^[\t-\r\x1c- ]+|[\t-\r\x1c- ]+$/g;

/**
 * A number as `tarfile` of Python reads it (`nti`): octal as Python's `int` takes it, up to the first NUL, or in base
 * 256 behind a byte 0x80, or 0xff for a negative one. Undefined where it takes none.
 */
function numberOf(field: Uint8Array): number | undefined {
  if (field[0] === 0x80 || field[0] === 0xff) {
    const digits = field.subarray(1);
    const size = digits.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
    const value = Number(field[0] === 0x80 ? size : size - 256n ** BigInt(digits.length));
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const text = decodeLatin1(field).replace(/\0.*$/s, '').replace(BLANKS, '');
  if (text === '') return 0;
  if (!/^[+-]?(0[oO]_?)?[0-7]+(_[0-7]+)*$/.test(text)) return undefined;
  return Number.parseInt(text.replace(/[+oO_]/g, ''), 8);
}
