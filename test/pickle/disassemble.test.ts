import { disassemble } from '../../src/pickle/disassemble.js';
import { equal, is, ok, suite } from '../suite.js';

const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function run(
  text: string,
  options: Parameters<typeof disassemble>[1] = {},
): { lines: string[]; end: number; message: string | undefined } {
  const lines: string[] = [];
  const opcodes = disassemble(bytesOf(text), options);
  let step = opcodes.next();
  for (; step.done !== true; step = opcodes.next()) lines.push(step.value);
  return { lines, end: step.value.end, message: step.value.error?.message };
}

// The expected lines were written by hand, in the form of pickletools.dis; test/interop compares with Python's own.
suite('disassemble', ({ each, test }) => {
  test('marks indent what stands on them, and are named where they are taken away', () => {
    equal(run('\x80\x02}(X\x01\x00\x00\x00aK\x01u.').lines, [
      '    0: \\x80 PROTO      2',
      '    2: }    EMPTY_DICT',
      '    3: (    MARK',
      "    4: X        BINUNICODE 'a'",
      '   10: K        BININT1    1',
      '   12: u        SETITEMS   (MARK at 3)',
      '   13: .    STOP',
      'highest protocol among opcodes = 2',
    ]);
  });

  test('marks beyond a hundred indent no further', () => {
    const { lines } = run(`${'('.repeat(102)}${'1'.repeat(102)}N.`);
    const indents = lines.map(line => line.slice(12).search(/\S/));
    equal(indents.slice(98, 106), [392, 396, 400, 400, 400, 400, 400, 396]);
  });

  test('POP takes a mark where one is on top', () => {
    equal(run('(K\x01000N.').lines.slice(0, 3), [
      '    0: (    MARK',
      '    1: K        BININT1    1',
      '    3: 0        POP',
    ]);
    is(run('(K\x0100N.').lines[3], '    4: 0        POP        (MARK at 0)');
  });

  each(
    [
      ['cposix\nsystem\n.', "    0: c    GLOBAL     'posix system'"],
      ["S'a\\x41'\n.", "    0: S    STRING     'aA'"],
      ['V\\u0416\n.', "    0: V    UNICODE    'Ж'"],
      ['I01\n.', '    0: I    INT        True'],
      ['L12345678901234567890L\n.', '    0: L    LONG       12345678901234567890'],
      ['F1.5\n.', '    0: F    FLOAT      1.5'],
      ['G\x3f\xf8\0\0\0\0\0\0.', '    0: G    BINFLOAT   1.5'],
      ['\x8a\x01\xff.', '    0: \\x8a LONG1      -1'],
      ['C\x02\x00a.', "    0: C    SHORT_BINBYTES b'\\x00a'"],
      ['\x96\x01\0\0\0\0\0\0\0a.', "    0: \\x96 BYTEARRAY8 bytearray(b'a')"],
      ['U\x01\xe9.', "    0: U    SHORT_BINSTRING 'é'"],
      ['Pid\n.', "    0: P    PERSID     'id'"],
      ['\x82\x05.', '    0: \\x82 EXT1       5'],
      ['Np3\n.', '    1: p    PUT        3'],
      ['N\x94.', '    1: \\x94 MEMOIZE    (as 0)'],
    ] as [string, string][],
    ([, line]) => line,
    ([pickle, line]) => ok(run(pickle).lines.includes(line), run(pickle).lines.join('\n')),
  );

  test('long texts can be cut', () => {
    is(run('X\x05\0\0\0abcde.', { maxTextLength: 3 }).lines[0], "    0: X    BINUNICODE 'abc'...");
    is(run('B\x05\0\0\0abcde.', { maxTextLength: 3 }).lines[0], "    0: B    BINBYTES   b'abc'...");
  });

  test('a pickle among other bytes', () => {
    const { lines, end } = run('..N.xyz', { start: 2 });
    equal([lines[0], end], ['    2: N    NONE', 4]);
  });

  each(
    [
      ['', 0, /ends without STOP/],
      ['N', 1, /ends without STOP/],
      ['N\xff.', 1, /not a pickle opcode.*0xff/],
      ['NX\x09\0\0\0ab', 1, /ends inside the data of BINUNICODE/],
      ['NX\x09', 1, /ends inside the argument of BINUNICODE/],
      ['Nu.', 1, /no mark for SETITEMS/],
      ['T\xff\xff\xff\xff.', 0, /negative length/],
      ['X\x01\0\0\0\xff.', 0, /UTF-8/],
    ] as [string, number, RegExp][],
    ([, , message]) => `damaged: ${message.source}`,
    ([pickle, end, message]) => {
      const result = run(pickle);
      is(result.end, end);
      ok(message.test(result.message ?? ''), result.message);
    },
  );
});
