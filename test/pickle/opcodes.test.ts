import { OPCODE_BY_CODE, OPCODES, opcodeName } from '../../src/pickle/opcodes.js';
import { equal, is, suite } from '../suite.js';
import { corpus } from './corpus.js';

/** Kinds of arguments in pickletools that have another name here. */
const KINDS: Record<string, string> = {
  bytes1: 'bytes8',
  bytes4: 'bytes32',
  bytes8: 'bytes64',
  bytearray8: 'bytes64',
  decimalnl_long: 'line',
  decimalnl_short: 'line',
  float8: 'float64',
  floatnl: 'line',
  int4: 'int32',
  long1: 'bytes8',
  long4: 'signed32',
  string1: 'bytes8',
  string4: 'signed32',
  stringnl: 'line',
  stringnl_noescape: 'line',
  stringnl_noescape_pair: 'lines',
  uint1: 'uint8',
  uint2: 'uint16',
  uint4: 'uint32',
  uint8: 'length64',
  unicodestring1: 'bytes8',
  unicodestring4: 'bytes32',
  unicodestring8: 'bytes64',
  unicodestringnl: 'line',
};

suite('opcodes', ({ test }) => {
  test('are those of pickletools', () => {
    const golden = corpus.opcodes.map(([code, name, argument, protocol]) => ({
      code,
      name,
      argument: argument === null ? 'none' : KINDS[argument],
      protocol,
    }));
    const ours = OPCODES.map(({ code, name, argument, protocol }) => ({ code, name, argument, protocol }));
    const order = (a: { code: number }, b: { code: number }): number => a.code - b.code;
    equal(ours.sort(order), golden.sort(order));
  });
  test('are found by code', () => {
    is(OPCODES.length, 68);
    for (const opcode of OPCODES) is(OPCODE_BY_CODE[opcode.code], opcode);
    is(OPCODE_BY_CODE.filter(opcode => opcode !== undefined).length, 68);
    is(opcodeName(0x52), 'REDUCE');
    is(opcodeName(0x05), '0x05');
  });
});
