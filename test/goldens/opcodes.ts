/** The opcode stream of a pickle as text, one line an opcode: with strings where the pickle fetches strings. */
import { decodeUtf8 } from '../../src/bytes.js';
import { OPCODE_BY_CODE } from '../../src/pickle/opcodes.js';

/**
 * Memo slots are numbered anew, without strings: whether two equal strings are one object is no part of a value.
 * Only what protocol 2 has.
 */
export function opcodesOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const lines: string[] = [];
  /** What each slot holds: the line of a string, or a number. */
  const memo = new Map<number, string>();
  let numbered = 0;
  const put = (slot: number): void => {
    const last = lines.at(-1)!;
    if (last.startsWith('BINUNICODE ')) memo.set(slot, last);
    else {
      memo.set(slot, `GET ${numbered}`);
      lines.push(`PUT ${numbered++}`);
    }
  };
  for (let at = 0; ; ) {
    const { name, argument } = OPCODE_BY_CODE[bytes[at++]!]!;
    let end = at;
    switch (argument) {
      case 'none':
        break;
      case 'line':
      case 'lines':
        end = bytes.indexOf(0x0a, at) + 1;
        if (argument === 'lines') end = bytes.indexOf(0x0a, end) + 1;
        break;
      case 'bytes8':
        end = at + 1 + bytes[at]!;
        break;
      case 'bytes32':
      case 'signed32':
        end = at + 4 + view.getUint32(at, true);
        break;
      default:
        end =
          at + { uint8: 1, uint16: 2, int32: 4, uint32: 4, float64: 8, length64: 8, bytes64: 8 }[argument];
    }
    const slot = (): number => (end - at === 1 ? bytes[at]! : view.getUint32(at, true));
    if (name.endsWith('BINPUT')) put(slot());
    else if (name.endsWith('BINGET')) lines.push(memo.get(slot()) ?? `GET of an empty slot ${slot()}`);
    else if (name === 'BINUNICODE') lines.push(`BINUNICODE ${JSON.stringify(text(bytes, at + 4, end))}`);
    else lines.push(`${name} ${Buffer.from(bytes.subarray(at, end)).toString('hex')}`);
    if (name === 'STOP') return lines.join('\n');
    at = end;
  }
}

const text = (bytes: Uint8Array, start: number, end: number): string => decodeUtf8(bytes, start, end);
