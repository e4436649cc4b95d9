import { inMemory } from '../../src/pickle/opcode-reader.js';
import { tracePickle } from '../../src/pickle/trace.js';
import { bytes, op } from '../hostile/assembler.js';
import { equal, is, ok, suite } from '../suite.js';
import { bytesOf, pickles } from './corpus.js';

const trace = (pickle: Uint8Array) => tracePickle(inMemory(pickle));
const paths = (pickle: Uint8Array): string[] =>
  trace(pickle).mentions.map(({ module, name }) => `${module}.${name}`);

suite('tracePickle', ({ each, test }) => {
  each(
    pickles.filter(({ entry }) => entry.globals !== undefined),
    ({ name, protocol }) => `${name}, protocol ${protocol}`,
    ({ bytes: pickle, entry, protocol }) => {
      const { end, broken, oddities } = trace(pickle);
      equal([end, broken, oddities], [pickle.length, undefined, []]);
      const expected = protocol === 4 ? entry.globals! : paths(pickle);
      equal(paths(pickle).sort(), [...expected].sort());
    },
  );

  test('each global once, with how often, and whether it is called', () => {
    const { mentions } = trace(
      bytesOf('\x80\x02(c__builtin__\neval\ncos\nsystem\n(ios\nsystem\nc__builtin__\neval\nt.'),
    );
    equal(
      mentions.map(({ module, name, count, called }) => [`${module}.${name}`, count, called]),
      [
        ['builtins.eval', 2, false],
        ['os.system', 2, true],
      ],
    );
    equal(mentions[0]!.written, { module: '__builtin__', name: 'eval' });
    is(mentions[1]!.byteOffset, 21);
  });

  each(
    [
      ['cut short', bytesOf('cos\nsystem\nX\x05\0\0\0ab'), /ends inside the argument of BINUNICODE/],
      ['not an opcode', bytesOf('cos\nsystem\n\xff'), /0xff is not a pickle opcode/],
      ['no STOP', bytesOf('cos\nsystem\n'), /without STOP/],
    ] as [string, Uint8Array, RegExp][],
    ([name]) => `what stands before is told: ${name}`,
    ([, pickle, message]) => {
      const { broken, end } = trace(pickle);
      equal([paths(pickle), end], [['os.system'], undefined]);
      ok(message.test(broken!.what), broken!.what);
    },
  );

  each(
    [
      ['nothing on the stack', bytesOf('R0batsu(u.')],
      ['no mark', bytesOf('tdle1.')],
      ['an unknown slot', bytesOf('h\x05j\x00\x00\x00\x01g77\n.')],
      ['a number that is none', bytesOf('Iabc\nFx\nLy\n.')],
      ['text in no quotes', bytesOf('Sabc\n.')],
    ] as [string, Uint8Array][],
    ([name]) => `goes on behind what Python refuses: ${name}`,
    ([, pickle]) => {
      const longer = bytes(pickle.subarray(0, -1), op.global('os', 'system'), op.stop);
      equal(paths(longer), ['os.system']);
      is(trace(longer).end, longer.length);
    },
  );

  each(
    [
      ['put together on the stack', bytesOf('\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93.')],
      ['put together from the memo', bytesOf('\x80\x04\x8c\x06system\x94\x8c\x02os\x940h\x01h\x00\x93.')],
      ['behind 8-bit text of Python 2', bytesOf('(U\x01\xffcos\nsystem\nt.')],
      ['its result dropped', bytesOf('cos\nsystem\n)R0N.')],
      ['nested deeply', bytesOf('cos\nsystem\n', '\x85'.repeat(2000), '.')],
    ] as [string, Uint8Array][],
    ([name]) => `a name is found: ${name}`,
    ([, pickle]) => equal(paths(pickle), ['os.system']),
  );

  test('data are stepped over and never read', () => {
    const pickle = bytes(op.proto(3), op.data(Buffer.alloc(1 << 20)), op.global('os', 'system'), op.stop);
    let read = 0;
    const { mentions } = tracePickle({
      byteLength: pickle.length,
      read: (at, length) => {
        read += length;
        return pickle.subarray(at, at + length);
      },
    });
    is(mentions.length, 1);
    ok(read < 200_000, `${read} bytes`);
  });

  test('getattr of a class by its public name is that name; left on the stack it is itself', () => {
    const getattr = op.global('builtins', 'getattr');
    const member = bytes(getattr, op.global('a', 'Enum'), op.text('MEMBER'), op.tuple2, op.reduce);
    equal(paths(bytes(member, op.stop)), ['a.Enum', 'a.Enum.MEMBER']);
    equal(paths(bytes(member, getattr, op.stop)), ['builtins.getattr', 'a.Enum', 'a.Enum.MEMBER']);
    const { oddities } = trace(bytes(getattr, op.none, op.text('x'), op.tuple2, op.reduce, op.stop));
    equal(
      oddities.map(({ kind }) => kind),
      ['computed_attribute'],
    );
  });
});
