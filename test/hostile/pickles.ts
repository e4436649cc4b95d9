/** Tricks against scanners of pickles, published over the years, as generators. The payload is always harmless. */
import { bytes, COMMAND, callWithCommand, HARMLESS, MALICIOUS, op, SYSTEM_CALL } from './assembler.js';

export interface HostileFile {
  name: string;
  /** What the file is called: some loaders look at it. */
  file: string;
  make: () => Uint8Array;
  /** How Python loads it; what it does then. `executes: false`: it fails before, or needs what is not installed. */
  loader: 'pickle' | 'pickle twice' | 'torch' | 'numpy' | 'gzip' | 'none';
  executes: boolean;
  /** A finding that scan must make, by its rule or by the global that it is about. */
  finds: string;
  /** The verdict of the worst finding. */
  verdict: 'dangerous' | 'unknown';
}

type Row = [name: string, finds: string, body: () => Uint8Array, executes?: boolean, verdict?: 'unknown'];

const with2 = (...parts: (string | Uint8Array | number)[]): Buffer => bytes(op.proto(2), ...parts, op.stop);
const with4 = (...parts: (string | Uint8Array | number)[]): Buffer => bytes(op.proto(4), ...parts, op.stop);

const EVAL = `__import__('os').system('${COMMAND}')`;

const ROWS: readonly Row[] = [
  ['REDUCE, protocol 0', 'posix.system', () => bytes(`cposix\nsystem\n(S'${COMMAND}'\ntR.`)],
  ['REDUCE, protocol 2', 'os.system', () => MALICIOUS],
  [
    'names on the stack',
    'os.system',
    () => with4(callWithCommand(bytes(op.shortText('os'), op.shortText('system'), op.stackGlobal))),
  ],
  [
    'names out of the memo, in another order',
    'os.system',
    () =>
      with4(
        op.shortText('system'),
        op.memoize,
        op.shortText('os'),
        op.memoize,
        op.pop,
        op.pop,
        callWithCommand(bytes(op.binget(1), op.binget(0), op.stackGlobal)),
      ),
  ],
  [
    'PUT and MEMOIZE mixed: a scanner that counts is one off',
    'os.system',
    () =>
      with4(
        op.shortText('os'),
        op.binput(0),
        op.shortText('system'),
        op.binput(1),
        op.shortText('torch._utils'),
        op.memoize,
        op.shortText('_rebuild_tensor_v2'),
        op.memoize,
        op.pop,
        op.pop,
        op.pop,
        op.pop,
        callWithCommand(bytes(op.binget(0), op.binget(1), op.stackGlobal)),
      ),
  ],
  [
    'MEMOIZE after slots were left out',
    'os.system',
    () =>
      with4(
        op.none,
        op.binput(7),
        op.pop,
        op.shortText('os'),
        op.memoize,
        op.pop,
        op.shortText('system'),
        op.memoize,
        op.pop,
        callWithCommand(bytes(op.binget(1), op.binget(2), op.stackGlobal)),
      ),
  ],
  [
    'a slot is filled twice',
    'os.system',
    () =>
      with4(
        op.shortText('collections'),
        op.binput(0),
        op.pop,
        op.shortText('os'),
        op.binput(0),
        op.pop,
        callWithCommand(bytes(op.binget(0), op.shortText('system'), op.stackGlobal)),
      ),
  ],
  [
    'a harmless text between a name and its PUT',
    'os.system',
    () =>
      with4(
        op.shortText('os'),
        op.shortText('math'),
        op.pop,
        op.binput(0),
        op.pop,
        callWithCommand(bytes(op.binget(0), op.shortText('system'), op.stackGlobal)),
      ),
  ],
  [
    'a name is duplicated',
    'os.system',
    () =>
      with4(
        callWithCommand(bytes(op.shortText('os'), op.dup, op.pop, op.shortText('system'), op.stackGlobal)),
      ),
  ],
  [
    'a slot number with an underscore',
    'os.system',
    () =>
      bytes(
        'Vos\np 1_0\n0Vsystem\np2\n0',
        op.proto(4),
        'g10\ng2\n',
        op.stackGlobal,
        op.text(COMMAND),
        op.tuple1,
        op.reduce,
        op.stop,
      ),
  ],
  [
    'names in escapes',
    'os.system',
    () =>
      bytes('V\\u006fs\nVsyste\\u006d\n', op.stackGlobal, op.text(COMMAND), op.tuple1, op.reduce, op.stop),
  ],
  [
    'names as text of Python 2, in escapes',
    'os.system',
    () =>
      bytes("S'\\x6f\\x73'\nS'system'\n", op.stackGlobal, op.text(COMMAND), op.tuple1, op.reduce, op.stop),
  ],
  ['INST', 'os.system', () => bytes(op.mark, op.text(COMMAND), op.inst('os', 'system'), op.stop)],
  ['OBJ', 'os.system', () => bytes(op.mark, op.global('os', 'system'), op.text(COMMAND), op.obj, op.stop)],
  [
    'NEWOBJ_EX',
    'subprocess.Popen',
    () => with4(op.global('subprocess', 'Popen'), op.emptyTuple, op.emptyDict, op.newobjEx),
    false,
  ],
  [
    'BUILD sets __setstate__, then calls it',
    'os.system',
    () =>
      with2(
        op.global('types', 'SimpleNamespace'),
        op.emptyTuple,
        op.newobj,
        op.emptyDict,
        op.text('__setstate__'),
        op.global('os', 'system'),
        op.setitem,
        op.build,
        op.text(COMMAND),
        op.build,
      ),
  ],
  [
    'BUILD gives a class attributes, which become names',
    'alters_global',
    () =>
      with4(
        op.global('argparse', 'Namespace'),
        op.none,
        op.emptyDict,
        op.text('a'),
        op.text('os'),
        op.setitem,
        op.tuple2,
        op.build,
        op.none,
        op.emptyDict,
        op.text('b'),
        op.text('system'),
        op.setitem,
        op.tuple2,
        op.build,
        op.pop,
        callWithCommand(
          bytes(op.global('argparse', 'Namespace.a'), op.global('argparse', 'Namespace.b'), op.stackGlobal),
        ),
      ),
  ],
  [
    'a module inside a module',
    'pathlib.os.system',
    () => with4(callWithCommand(op.global('pathlib', 'os.system'))),
  ],
  [
    'attributes that lead from a harmless function to eval',
    'builtins.print.__self__.eval',
    () => with4(op.global('builtins', 'print.__self__.eval'), op.text(EVAL), op.tuple1, op.reduce),
  ],
  [
    'getattr of a value',
    'computed_attribute',
    () =>
      with2(
        callWithCommand(
          bytes(
            op.global('builtins', 'getattr'),
            op.global('builtins', '__import__'),
            op.text('os'),
            op.tuple1,
            op.reduce,
            op.text('system'),
            op.tuple2,
            op.reduce,
          ),
        ),
      ),
  ],
  [
    "getattr of a function's globals",
    'pathlib.PurePath.joinpath.__globals__',
    () => {
      const getattr = op.global('builtins', 'getattr');
      const globals = bytes(
        getattr,
        op.global('pathlib', 'PurePath.joinpath'),
        op.text('__globals__'),
        op.tuple2,
        op.reduce,
      );
      const get = bytes(getattr, globals, op.text('get'), op.tuple2, op.reduce);
      const os = bytes(get, op.text('os'), op.tuple1, op.reduce);
      return with4(callWithCommand(bytes(getattr, os, op.text('system'), op.tuple2, op.reduce)));
    },
  ],
  [
    'getattr handed to a function that torch trusts',
    'builtins.getattr',
    () =>
      with2(
        op.global('torch._tensor', '_rebuild_from_type_v2'),
        op.mark,
        op.global('builtins', 'getattr'),
        op.global('torch', 'Tensor'),
        op.global('torch', 'Size'),
        op.text('__init__'),
        op.tuple2,
        op.none,
        op.tuple,
        op.reduce,
      ),
    false,
  ],
  [
    'a name out of str.format',
    'builtins.str.format',
    () => with4(op.global('builtins', 'str.format'), op.text('{0.__class__}'), op.none, op.tuple2, op.reduce),
    false,
    'unknown',
  ],
  [
    'names joined at load time',
    'computed_global',
    () => {
      const join = (...letters: string[]): Buffer =>
        bytes(
          op.global('builtins', 'str.join'),
          op.text(''),
          op.emptyList,
          ...letters.flatMap(letter => [op.text(letter), op.append]),
          op.tuple2,
          op.reduce,
        );
      return with4(callWithCommand(bytes(join('o', 's'), join('sys', 'tem'), op.stackGlobal)));
    },
  ],
  [
    'a codec makes the name',
    'computed_global',
    () => {
      const rot13 = (text: string): Buffer =>
        bytes(op.global('_codecs', 'encode'), op.text(text), op.text('rot13'), op.tuple2, op.reduce);
      return with4(callWithCommand(bytes(rot13('bf'), rot13('flfgrz'), op.stackGlobal)));
    },
  ],
  [
    'a resolver of names',
    'pkgutil.resolve_name',
    () =>
      with2(
        callWithCommand(
          bytes(op.global('pkgutil', 'resolve_name'), op.text('os:system'), op.tuple1, op.reduce),
        ),
      ),
  ],
  [
    'an importer',
    'importlib.import_module',
    () =>
      with2(
        op.global('importlib', 'import_module'),
        op.text('os'),
        op.tuple1,
        op.reduce,
        op.pop,
        SYSTEM_CALL,
      ),
  ],
  [
    'a runner of code that times it',
    'timeit.timeit',
    () =>
      with2(
        op.global('timeit', 'timeit'),
        op.mark,
        op.text(EVAL),
        op.text('pass'),
        op.global('time', 'perf_counter'),
        'K\x01',
        op.tuple,
        op.reduce,
      ),
  ],
  [
    'a name of Python 2',
    'builtins.eval',
    () => bytes(op.global('__builtin__', 'eval'), op.text(EVAL), op.tuple1, op.reduce, op.stop),
  ],
  [
    'a module of Python 2',
    'subprocess.getoutput',
    () => bytes(callWithCommand(op.global('commands', 'getoutput')), op.stop),
  ],
  [
    'an alias in numpy',
    'numpy.testing._private.utils.runstring',
    () =>
      with2(
        op.global('numpy.testing._private.utils', 'runstring'),
        op.text(EVAL),
        op.emptyDict,
        op.tuple2,
        op.reduce,
      ),
  ],
  [
    'a pickle inside a pickle',
    'torch.storage._load_from_bytes',
    () => with2(op.global('torch.storage', '_load_from_bytes'), op.data(MALICIOUS), op.tuple1, op.reduce),
  ],
  ['a call whose result is dropped', 'os.system', () => with2(SYSTEM_CALL, op.pop, op.emptyDict)],
  ['a byte that is no opcode, behind the call', 'os.system', () => bytes(op.proto(2), SYSTEM_CALL, 0xff)],
  ['no STOP behind the call', 'broken_pickle', () => bytes(op.proto(2), SYSTEM_CALL)],
  ['a value of another kind, behind the call', 'os.system', () => with2(SYSTEM_CALL, op.none, op.append)],
  [
    'values in front that Python refuses',
    'os.system',
    () => with2(op.none, op.none, op.append, SYSTEM_CALL),
    false,
  ],
  [
    'a slot that was never filled, in front',
    'os.system',
    () => with2(op.binget(99), op.pop, SYSTEM_CALL),
    false,
  ],
  ['a persistent id, behind the call', 'os.system', () => with2(SYSTEM_CALL, op.binpersid)],
  ['a protocol that there is not', 'os.system', () => bytes(op.proto(2), SYSTEM_CALL, op.proto(9), op.stop)],
  [
    'the protocol changes on the way',
    'pathlib.os.system',
    () =>
      bytes(
        op.proto(2),
        op.none,
        op.pop,
        op.proto(4),
        callWithCommand(op.global('pathlib', 'os.system')),
        op.stop,
      ),
  ],
  ['a number that names a class', 'extension', () => with2(op.ext1(7), op.emptyTuple, op.reduce), false],
  [
    'frames that end in the middle of an opcode',
    'os.system',
    () => bytes(op.proto(4), op.frame(3), SYSTEM_CALL, op.stop),
    true,
  ],
  [
    'a large slot number',
    'os.system',
    () =>
      with2(
        op.text('os'),
        op.longBinput(100_000),
        op.pop,
        op.text('system'),
        op.longBinput(100_001),
        op.pop,
        callWithCommand(bytes(op.longBinget(100_000), op.longBinget(100_001), op.stackGlobal)),
      ),
  ],
  [
    'an absurd slot number',
    'os.system',
    () => with2(op.none, op.longBinput(0xffffffff), op.pop, SYSTEM_CALL),
    false,
  ],
  ['a million marks', 'os.system', () => bytes(op.proto(2), SYSTEM_CALL, '('.repeat(1 << 20), op.stop)],
  [
    'lists nested deeply',
    'os.system',
    () => bytes(op.proto(2), ']'.repeat(1 << 18), SYSTEM_CALL, 'a'.repeat(1 << 18), op.stop),
  ],
  ['a long text in front', 'os.system', () => with2(op.text('x'.repeat(1 << 20)), op.pop, SYSTEM_CALL)],
  [
    'letters that look like others',
    '\u043es.system',
    () => with2(callWithCommand(op.global('\u043es', 'system'))),
    false,
    'unknown',
  ],
  [
    'full-width letters',
    '\uff4f\uff53.system',
    () => with2(callWithCommand(op.global('\uff4f\uff53', 'system'))),
    false,
    'unknown',
  ],
  [
    'a class that nobody knows',
    'evil_package.Model',
    () => with2(op.global('evil_package', 'Model'), op.emptyTuple, op.newobj),
    false,
    'unknown',
  ],
  [
    'only imported',
    'antigravity_of_mine.run',
    () => with2(op.global('antigravity_of_mine', 'run')),
    false,
    'unknown',
  ],
];

export const HOSTILE_PICKLES: readonly HostileFile[] = [
  ...ROWS.map(
    ([name, finds, make, executes = true, verdict]): HostileFile => ({
      name,
      file: 'model.pkl',
      make,
      loader: 'pickle',
      executes,
      finds,
      verdict: verdict ?? 'dangerous',
    }),
  ),
  {
    name: 'a second pickle behind a harmless one',
    file: 'model.pkl',
    make: () => bytes(HARMLESS, MALICIOUS),
    loader: 'pickle twice',
    executes: true,
    finds: 'os.system',
    verdict: 'dangerous',
  },
  ...['README.md', 'config.json', 'weights.safetensors', 'model.onnx', 'no-extension'].map(
    (file): HostileFile => ({
      name: `a pickle that is called ${file}`,
      file,
      make: () => MALICIOUS,
      loader: 'pickle',
      executes: true,
      finds: 'os.system',
      verdict: 'dangerous',
    }),
  ),
];
