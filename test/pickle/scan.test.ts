import { listGlobals } from '../../src/pickle/scan.js';
import { equal, is, suite } from '../suite.js';
import { bytesOf, pickles } from './corpus.js';

const paths = (bytes: Uint8Array): string[] => listGlobals(bytes).globals.map(global => global.path);

suite('listGlobals', ({ each, test }) => {
  each(
    pickles.filter(({ protocol, entry }) => protocol === 4 && entry.globals !== undefined),
    row => row.name,
    ({ bytes, entry }) => {
      const scan = listGlobals(bytes);
      is(scan.error, undefined);
      equal(scan.globals.map(global => global.path).sort(), entry.globals);
    },
  );
  test('each once, in order of first mention, in the names of Python 3', () => {
    equal(paths(bytesOf('\x80\x02(c__builtin__\neval\ncos\nsystem\n(ios\nsystem\nc__builtin__\neval\nt.')), [
      'builtins.eval',
      'os.system',
    ]);
  });
  test('names that are put together on the stack', () => {
    const bytes = bytesOf('\x80\x04\x8c\x06system\x94\x8c\x02os\x940h\x01h\x00\x93.');
    equal(paths(bytesOf('\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93.')), ['os.system']);
    equal(paths(bytes), ['os.system']);
  });
  each(
    [
      ['cut short behind it', bytesOf('cos\nsystem\nX\x05\0\0\0ab'), 'format'],
      ['not an opcode behind it', bytesOf('cos\nsystem\n\xff'), 'format'],
      ['nothing on the stack behind it', bytesOf('cos\nsystem\nR.'), 'format'],
      ['its result dropped', bytesOf('cos\nsystem\n)R0N.'), 'unsupported'],
      ['a computed name behind it', bytesOf('cos\nsystem\nK\x01\x93.'), 'unsupported'],
      ['an extension code behind it', bytesOf('cos\nsystem\n\x82\x01.'), 'unsupported'],
      ['nested too deeply', bytesOf('cos\nsystem\n', '\x85'.repeat(2000), '.'), 'limit'],
    ] as [string, Uint8Array, string][],
    ([name]) => `is told with an error: ${name}`,
    ([, bytes, code]) => {
      const { globals, error } = listGlobals(bytes);
      equal(
        globals.map(global => global.path),
        ['os.system'],
      );
      is(error?.code, code);
    },
  );
  test('8-bit text of Python 2 is no obstacle', () => {
    equal(paths(bytesOf('(U\x01\xffcos\nsystem\nt.')), ['os.system']);
  });
});
