import { parseArguments } from '../../src/cli/arguments.js';
import { ALL_OPTIONS, COMMAND_NAMES, COMMANDS, commandNamed } from '../../src/cli/commands.js';
import { helpText } from '../../src/cli/help.js';
import { wantsJson } from '../../src/cli/tokens.js';
import { equal, is, ok, suite, throws } from '../suite.js';

const CONVERT = {
  command: 'convert',
  from: 'dcp',
  to: 'torch',
  source: 'a',
  destination: 'b',
  force: false,
  resume: false,
  skipExisting: false,
  dryRun: false,
  strict: false,
  allowUnsafeGlobals: false,
  restoreIntKeys: false,
  salvage: false,
  waitMs: undefined,
  map: undefined,
  part: 'all',
  include: undefined,
  exclude: undefined,
  optimKeys: undefined,
  unwrap: false,
  cleanFqns: false,
  stripPrefix: undefined,
  addPrefix: undefined,
  rename: undefined,
  layout: undefined,
  dtype: undefined,
  ranks: undefined,
  dim: undefined,
  mesh: undefined,
  placements: undefined,
  maxShardByteLength: undefined,
  ties: undefined,
  copyAssets: undefined,
  check: false,
  device: 'cpu',
  crc: true,
  sync: true,
  workers: undefined,
  readsInFlight: undefined,
  quiet: false,
  progress: undefined,
  json: false,
};
const WAITING: [string, number][] = [
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['0.5s', 500],
  ['0s', 0],
];

const INSPECT = {
  command: 'inspect',
  path: 'a',
  fqn: undefined,
  slice: undefined,
  all: false,
  sort: undefined,
  files: false,
  objects: false,
  pickle: false,
  keys: undefined,
  chunks: false,
  latestComplete: false,
  html: undefined,
  force: false,
  layout: undefined,
  json: false,
};
const DIFF = {
  command: 'diff',
  a: 'a',
  b: 'b',
  keys: undefined,
  rename: [],
  atol: undefined,
  rtol: undefined,
  strict: false,
  device: 'cpu',
  workers: undefined,
  quiet: false,
  progress: undefined,
  json: false,
};
const EXTRACT = {
  command: 'extract',
  path: 'a',
  fqns: ['w'],
  output: 'o',
  format: 'npy',
  slice: undefined,
  layout: undefined,
  rank: undefined,
  cast: undefined,
  rawBits: false,
  force: false,
  workers: undefined,
  quiet: false,
  progress: undefined,
  json: false,
};
const LAYOUT = { mesh: '2x4', placements: 'Shard(0),Replicate()' };

/** A command line of words without spaces. */
const parse = (line: string) => parseWords(line.split(' ').filter(word => word !== ''));

/** The request, or the text to print. */
function parseWords(argv: readonly string[]): object {
  const parsed = parseArguments(argv);
  return 'run' in parsed ? parsed.request : parsed;
}

const GOOD: [line: string, request: object][] = [
  ['convert dcp_to_torch a b', CONVERT],
  ['convert torch_to_dcp a b', { ...CONVERT, from: 'torch', to: 'dcp' }],
  [
    'convert dcp_to_torch a b --force --dry-run --strict --allow-unsafe-globals --restore-int-keys --no-crc --no-sync --quiet --json',
    {
      ...CONVERT,
      force: true,
      dryRun: true,
      strict: true,
      allowUnsafeGlobals: true,
      restoreIntKeys: true,
      crc: false,
      sync: false,
      quiet: true,
      json: true,
    },
  ],
  ['convert dcp_to_torch a b --skip-existing', { ...CONVERT, skipExisting: true }],
  ['convert --force dcp_to_torch a --quiet b', { ...CONVERT, force: true, quiet: true }],
  ['--force convert dcp_to_torch a b', { ...CONVERT, force: true }],
  ['convert dcp_to_torch a b --workers 0', { ...CONVERT, workers: 0 }],
  ['convert dcp_to_torch a b --reads-in-flight 16', { ...CONVERT, readsInFlight: 16 }],
  ['convert dcp_to_torch a b --workers=256', { ...CONVERT, workers: 256 }],
  ['convert dcp_to_torch a b --force --force', { ...CONVERT, force: true }],
  ['convert dcp_to_torch a b --force=false', CONVERT],
  ['convert dcp_to_torch -- -a -b', { ...CONVERT, source: '-a', destination: '-b' }],
  ['convert dcp_to_torch a -- --force', { ...CONVERT, destination: '--force' }],
  ['convert dcp_to_torch 007 1e3', { ...CONVERT, source: '007', destination: '1e3' }],
  ['convert dcp_to_torch a b --check --device webgpu', { ...CONVERT, check: true, device: 'webgpu' }],
  ['convert a b', { ...CONVERT, from: undefined, to: undefined }],
  ['convert torch_to_torch a b', { ...CONVERT, from: 'torch' }],
  [
    'convert dcp_to_safetensors a - --part model',
    { ...CONVERT, to: 'safetensors', destination: '-', part: 'model' },
  ],
  [
    'convert torch_to_safetensors a b --max-shard-size 2GiB --copy-assets c --ties copy',
    {
      ...CONVERT,
      from: 'torch',
      to: 'safetensors',
      maxShardByteLength: 2 ** 31,
      copyAssets: 'c',
      ties: 'copy',
    },
  ],
  ['inspect a', INSPECT],
  ['inspect a --latest-complete', { ...INSPECT, latestComplete: true }],
  ['inspect a --mesh 2x4 --placements Shard(0),Replicate()', { ...INSPECT, layout: LAYOUT }],
  ['diff a b', DIFF],
  ['diff a b --atol 1e-5 --rtol 0', { ...DIFF, atol: 1e-5, rtol: 0 }],
  [
    'diff a b --rename s/x/y/ --rename s/y/z/ --keys w',
    { ...DIFF, rename: ['s/x/y/', 's/y/z/'], keys: ['w'] },
  ],
  ['diff a b --strict --quiet --device auto', { ...DIFF, strict: true, quiet: true, device: 'auto' }],
  ['extract a w -o o', EXTRACT],
  ['extract a w --output=o', EXTRACT],
  ['extract a w -o -', { ...EXTRACT, output: '-' }],
  ['extract a w v -o o', { ...EXTRACT, fqns: ['w', 'v'], format: 'npz' }],
  ['extract a w -o o.npz', { ...EXTRACT, output: 'o.npz', format: 'npz' }],
  ['extract a w -o o --format raw --force', { ...EXTRACT, format: 'raw', force: true }],
  ['extract a w --format text', { ...EXTRACT, output: undefined, format: 'text' }],
  ['extract a w -o - --format text', { ...EXTRACT, output: undefined, format: 'text' }],
  ['extract a w -o o --slice -1,:4', { ...EXTRACT, slice: '-1,:4' }],
  [
    'extract a w -o o --dtype float32 --raw-bits --quiet',
    { ...EXTRACT, cast: 'float32', rawBits: true, quiet: true },
  ],
  [
    'extract a w -o o --mesh 2x4 --placements Shard(0),Replicate() --rank 3',
    { ...EXTRACT, layout: LAYOUT, rank: 3 },
  ],
  ['extract a -o o -- -w', { ...EXTRACT, fqns: ['-w'] }],
  ['inspect a w --slice 5000', { ...INSPECT, fqn: 'w', slice: '5000' }],
  ['inspect a --all --sort size', { ...INSPECT, all: true, sort: 'size' }],
  ['inspect a --html r.html --force', { ...INSPECT, html: 'r.html', force: true }],
  ['inspect a --pickle --all', { ...INSPECT, pickle: true, all: true }],
  ['inspect a --files --objects', { ...INSPECT, files: true, objects: true }],
  ['inspect a --chunks --json', { ...INSPECT, chunks: true, json: true }],
  ['inspect a --keys *.weight', { ...INSPECT, keys: ['*.weight'] }],
  ['inspect --keys w --keys=-b* a', { ...INSPECT, keys: ['w', '-b*'] }],
  ['inspect a --keys 1', { ...INSPECT, keys: ['1'] }],
  ['inspect -- --json', { ...INSPECT, path: '--json' }],
  ['inspect -- -5', { ...INSPECT, path: '-5' }],
  ['inspect --json true', { ...INSPECT, path: 'true', json: true }],
];

const BAD: [line: string, message: RegExp, hint: RegExp][] = [
  ['convert dcp_to_torch a b --wait 10', /--wait is no time.*found 10/, /^$/],
  ['convert dcp_to_torch a b --wait 10x', /--wait is no time/, /^$/],
  ['convert dcp_to_torch a b --wait 31d', /--wait is no time/, /^$/],
  ['convert dcp_to_torch a b --salvage --no-crc', /--salvage needs checksums/, /--no-crc/],
  ['convert torch_to_dcp a b --salvage', /--salvage is for DCP directories as the source/, /^$/],
  ['convert dcp_to_torch a b --resume --no-crc', /--resume needs checksums/, /--no-crc/],
  ['convert dcp_to_torch a - --resume', /--resume does not go with stdout/, /stdout carries the file/],
  ['inspect a --latest-complete --chunks', /--latest-complete prints a path/, /another dcp inspect/],
  ['convert dcp_to_torch a b --device cpu', /--device is for --check/, /needs no device/],
  ['convert dcp_to_torch a - --check', /--check does not go with stdout/, /stdout carries/],
  ['inspect a --mesh 2', /--placements is missing/, /Give both/],
  ['diff a', /<b> is missing/, /Usage: dcp diff <a> <b>/],
  ['diff a b --atol x', /--atol is no tolerance .*found x/, /^$/],
  ['diff a b --rtol=-1', /--rtol is no tolerance/, /^$/],
  ['diff a -', /Standard input/, /at many places/],
  ['extract a w', /--output is missing/, /-o weight\.npy/],
  ['extract a', /<fqn> is missing/, /Usage: dcp extract <path> <fqn>/],
  ['extract a w -o o --format nzp', /--format does not know nzp/, /Did you mean npz/],
  ['extract a w -o o --rank 1', /--rank is for --mesh/, /Give all three/],
  ['extract a w -o o --mesh 2 --placements Shard(0)', /--rank is missing/, /Give all three/],
  ['extract a w -o o --format text', /Text goes to stdout/, /Redirect/],
  ['extract a w --format text --json', /--json does not go with --format text/, /^$/],
  ['extract a w -o - --json', /--json does not go with stdout/, /stdout carries/],
  ['convrt a b c', /Unknown command convrt .*inspect, .*convert/, /Did you mean dcp convert\?/],
  ['frobnicate', /Unknown command frobnicate/, /dcp --help/],
  ['help cnvert', /Unknown command cnvert/, /Did you mean dcp convert/],
  ['extract a w -o o --dtype fp32 --dtype fp16', /--dtype is given more than once/, /^$/],
  ['run/step-1000', /Unknown command/, /dcp inspect run\/step-1000 tells what is there/],
  ['--json', /A command is missing/, /dcp --help/],
  ['convert', /<src> is missing/, /^Usage: dcp convert \[mode\] <src> <dst>$/],
  ['convert a', /<dst> is missing/, /^Usage/],
  ['convert dcp_to_torch a', /<dst> is missing/, /^Usage/],
  ['convert dcp_to_torch a b c', /The argument c is one too many/, /^Usage/],
  ['inspect', /<path> is missing/, /^Usage: dcp inspect <path> \[fqn\]$/],
  ['inspect a b c', /The argument c is one too many/, /^Usage/],
  ['inspect a --pickle --files', /--pickle shows pickles/, /^$/],
  ['inspect a --force', /--force is for --html/, /^$/],
  ['inspect a --html -', /--html needs the name of a file/, /^$/],
  ['inspect a --slice 5', /--slice is of one tensor/, /dcp inspect CKPT/],
  ['inspect a --sort sise', /--sort does not know sise/, /Did you mean size\?/],
  ['inspect a w --latest-complete', /--latest-complete prints a path/, /another dcp inspect/],
  [
    'convert dcp-to-torch a b',
    /Unknown mode dcp-to-torch .*FROM_to_TO of dcp, torch, safetensors/,
    /dcp_to_torch\?/,
  ],
  ['convert torch_to_dpc a b', /Unknown mode/, /Did you mean torch_to_dcp\?/],
  ['inspect a --forse', /Unknown option --forse$/, /Did you mean --force\?/],
  ['convert dcp_to_torch a b --skip_existing', /Unknown option --skip_existing/, /--skip-existing\?/],
  ['convert dcp_to_torch a b --worker=3', /Unknown option --worker$/, /Did you mean --workers\?/],
  ['convert dcp_to_torch a b --allow-unsafe', /Unknown option --allow-unsafe/, /--allow-unsafe-globals\?/],
  ['convert dcp_to_torch a b -f', /Unknown option -f/, /goes after --/],
  ['convert torch_to_dcp - b', /Standard input cannot be the source/, /pipe/],
  ['inspect -5', /Unknown option -5/, /goes after --/],
  ['inspect --constructor a', /Unknown option --constructor/, /dcp --help/],
  ['inspect --__proto__ a', /Unknown option --__proto__/, /dcp --help/],
  ['inspect a --strict', /dcp inspect has no option --strict/, /It belongs to dcp convert/],
  ['convert dcp_to_torch a b --chunks', /dcp convert has no option --chunks/, /It belongs to dcp inspect/],
  ['convert torch_to_dcp a b --restore-int-keys', /--restore-int-keys is for torch\.save/, /convert back/],
  ['convert a -', /stdout does not tell/, /^$/],
  ['convert torch_to_dcp a -', /cannot be written to stdout/, /Name a directory/],
  ['convert dcp_to_torch a b --ties drop', /--ties is for safetensors/, /^$/],
  [
    'convert torch_to_safetensors a b.safetensors --max-shard-size 1GB',
    /is for directories of safetensors/,
    /^$/,
  ],
  ['convert dcp_to_torch a b --copy-assets c', /--copy-assets is for directories of safetensors/, /^$/],
  ['convert torch_to_safetensors a b --max-shard-size big', /--max-shard-size is not a size/, /^$/],
  ['convert a b --part weights', /--part does not know weights .*model, optim, all/, /^$/],
  ['convert dcp_to_torch a b --force --skip-existing', /contradict/, /replaces/],
  ['convert dcp_to_torch a b --workers', /--workers needs a value/, /dcp --help/],
  ['inspect a --keys', /--keys needs a value/, /dcp --help/],
  ['inspect a --json=maybe', /--json takes no value .*maybe/, /^$/],
  ['inspect a --json=', /--json takes no value .*empty/, /^$/],
  ['convert dcp_to_torch a b --workers x', /--workers is not a number .*0 to 256, found x/, /^$/],
  ['convert dcp_to_torch a b --workers=', /found nothing/, /^$/],
  ['convert dcp_to_torch a b --workers -1', /found -1/, /^$/],
  ['convert dcp_to_torch a b --workers 1.5', /found 1\.5/, /^$/],
  ['convert dcp_to_torch a b --workers 257', /found 257/, /^$/],
  ['convert dcp_to_torch a b --workers 0x10', /found 0x10/, /^$/],
  ['convert dcp_to_torch a b --reads-in-flight 0', /not a number of reads .*1 to 64, found 0/, /^$/],
  ['convert dcp_to_torch a b --workers 1 --workers 2', /--workers is given more than once/, /^$/],
];

suite('arguments', ({ each, test }) => {
  each(
    GOOD,
    ([line]) => `dcp ${line}`,
    ([line, request]) => equal(parse(line), request),
  );

  each(
    WAITING,
    ([time]) => `--wait ${time}`,
    ([time, waitMs]) =>
      equal(parse(`convert dcp_to_torch a b --wait ${time}`), {
        ...parse('convert dcp_to_torch a b'),
        waitMs,
      }),
  );

  each(
    BAD,
    ([line]) => `dcp ${line} is refused`,
    ([line, message, hint]) => {
      const error = throws(() => parse(line), { code: 'usage', message });
      ok(hint.test(error.hint ?? ''), `hint: ${error.hint}`);
    },
  );

  test('an empty path is refused', () => {
    throws(() => parseArguments(['inspect', '']), { code: 'usage', message: /<path> is empty/ });
  });

  each(
    [
      ['--help', undefined],
      ['help', undefined],
      ['help convert', 'convert'],
      ['-h', undefined],
      ['convert --help', 'convert'],
      ['inspect a b c -h', 'inspect'],
      ['--help convert', 'convert'],
      ['convert --version --help', 'convert'],
    ] as const,
    ([line]) => `dcp ${line} prints help`,
    ([line, command]) => equal(parse(line), { text: helpText(command) }),
  );

  test('dcp --version prints the version of the package', () => {
    const parsed = parse('--version') as { text: string };
    ok(/^\d+\.\d+\.\d+\n$/.test(parsed.text), JSON.stringify(parsed));
  });

  test('help after -- is a path', () => {
    equal(parse('inspect -- --help'), { ...INSPECT, path: '--help' });
  });

  each(
    [
      ['inspect --json a', true],
      ['--json', true],
      ['inspect a --json=true --bad', true],
      ['inspect a', false],
      ['inspect a --json=false', false],
      ['inspect -- --json', false],
    ] as const,
    ([line, wanted]) => `JSON ${wanted ? 'is' : 'is not'} wanted by: ${line}`,
    ([line, wanted]) => is(wantsJson(line.split(' ')), wanted),
  );
});

suite('help', ({ each }) => {
  each(
    [undefined, ...COMMAND_NAMES],
    command => `of ${command ?? 'dcp'}: 80 columns of ASCII, every option, and examples that parse`,
    command => {
      const text = helpText(command);
      for (const line of text.split('\n')) ok(/^[ -~]{0,80}$/.test(line) && !/\s$/.test(line), line);
      const own = commandNamed(command)?.options.map(({ name }) => name) ?? [];
      for (const { name } of ALL_OPTIONS) {
        is(new RegExp(`^  (?:-\\w, )?--${name}(?![\\w-])`, 'm').test(text), own.includes(name), name);
      }
      const examples = text.split('Examples:\n')[1]!.split('\n\n')[0]!.split('\n');
      const commands = examples.filter(line => line.startsWith('  dcp '));
      ok(commands.length >= 3);
      for (const example of commands) {
        const line = example.trim().split(' | ')[0]!.replaceAll("'", '');
        const parsed = parse(line.slice('dcp '.length)) as { command: string };
        if (command !== undefined) is(parsed.command, command, line);
      }
    },
  );
});

suite('commands', ({ each, test }) => {
  each(
    COMMANDS,
    ({ name }) => name,
    ({ name: command, options, positionals }) => {
      is(new Set(options.map(({ name }) => name)).size, options.length, 'an option twice');
      const hasJson = options.some(({ name }) => name === 'json');
      // The explorer prints nothing, and what completion prints is for a shell.
      is(hasJson, !['explore', 'completion'].includes(command), 'every command has --json');
      for (const [i, { kind }] of positionals.entries()) ok(kind !== 'many' || i === positionals.length - 1);
    },
  );

  test('an option has one kind and one word for its value, whatever the command', () => {
    for (const row of COMMANDS.flatMap(({ options }) => options)) {
      const known = ALL_OPTIONS.find(({ name }) => name === row.name)!;
      equal([known.kind, known.valueName, known.short], [row.kind, row.valueName, row.short], row.name);
    }
  });

  test('the general help names every format and every exit code', () => {
    const text = helpText();
    for (const format of ['dcp', 'torch', 'safetensors']) {
      ok(new RegExp(`^  ${format} +a `, 'm').test(text), format);
    }
    for (const code of [0, 1, 2, 130, 143, 129]) ok(new RegExp(`\\b${code}\\b`).test(text), String(code));
  });

  test('exit code 1 is in the help of the commands that have it', () => {
    const checking = COMMANDS.filter(({ name }) => /^ {2}1 {4}/m.test(helpText(name))).map(
      ({ name }) => name,
    );
    equal(checking, ['stats', 'convert', 'verify', 'diff', 'scan']);
  });
});
