import type { StatsReport } from '../../src/index.js';
import { statsFixtures } from '../device/stats-golden.js';
import { fixturePath } from '../fixtures.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { dcp, documentOf, type Failure, FSDP2 } from './run-dcp.js';

const A = `${statsFixtures}a.pth`;

suite('dcp stats', ({ each, test }) => {
  test('a table and a summary on stdout, nothing on stderr, 0', async () => {
    const { code, stdout, stderr } = await dcp(['stats', FSDP2]);
    is(code, 0);
    is(stderr, '');
    match(stdout, /^dtype +shape +min +max +mean +std +norm +name\n/);
    match(stdout, /\nf32 .* app\.model\.net1\.weight\n/);
    match(stdout, /\nhealthy +no NaN, no Inf\n$/);
  });

  const ENDINGS: readonly [list: string, keys: string, code: number, failedOn: string[]][] = [
    ['nan,inf', 'float16.normal', 0, []],
    ['nan,inf', 'float16.nan_laden', 1, ['nan']],
    ['inf', 'float16.nan_laden', 0, []],
    ['inf', 'float16.inf_laden', 1, ['inf']],
    ['all-zero', 'float16.zeros', 1, ['all-zero']],
    ['inf,nan,nan', 'float16.*', 1, ['inf', 'nan']],
  ];
  each(
    ENDINGS,
    ([list, keys, code]) => `--fail-on ${list} on ${keys} ends with ${code}`,
    async ([list, keys, code, failedOn]) => {
      const ending = await dcp(['stats', A, '--keys', keys, '--fail-on', list, '--json']);
      is(ending.code, code);
      const document = documentOf(ending);
      equal([document.ok, document.failed_on], [true, failedOn]);
    },
  );

  test('the table is printed where the check fails, too', async () => {
    const { code, stdout } = await dcp(['stats', A, '--keys', '*.nan_only', '--fail-on', 'nan']);
    is(code, 1);
    match(stdout, /7 NaN +float64\.nan_only/);
    match(stdout, /\nNaN +\d+ in \d+ tensors, first float64\.nan_only\n$/);
  });

  test('sorted, and only what is asked for', async () => {
    const { stdout } = await dcp(['stats', A, '--keys', 'int8.*', '--sort', 'max', '--json']);
    const { entries } = JSON.parse(stdout) as { entries: { fqn: string; max: number | null }[] };
    const maxima = entries.map(({ max }) => max);
    equal(maxima, [127, 127, 77, 49, 42, null]);
  });

  test('64-bit integers beyond 2^53 are text in JSON', async () => {
    const ending = await dcp(['stats', A, '--keys', 'uint64.ends', '--keys', 'int64.small', '--json']);
    const { entries } = documentOf<{ entries: Record<string, unknown>[] }>(ending);
    equal(
      entries.map(({ min, max }) => [min, max]),
      [
        [0, 49],
        [0, '18446744073709551615'],
      ],
    );
  });

  test('--keys that match no tensor are a mistake, not health: 2, and what was meant', async () => {
    const { code, stdout, stderr } = await dcp(['stats', FSDP2, '--keys', 'app.model.net1.wieght']);
    equal([code, stdout], [2, '']);
    match(
      stderr,
      /--keys app\.model\.net1\.wieght matches nothing[\s\S]*There is app\.model\.net1\.weight\./,
    );
  });

  test('threads and the main thread print the same numbers', async () => {
    const [here, there] = await Promise.all(
      ['0', '2'].map(async workers =>
        documentOf<StatsReport>(await dcp(['stats', A, '--json', '--workers', workers, '--device', 'cpu'])),
      ),
    );
    equal(there!.entries, here!.entries);
  });

  const REFUSED: readonly [args: string[], message: RegExp][] = [
    [['--sort', 'colour'], /--sort does not know colour/],
    [['--fail-on', 'nan,'], /--fail-on does not know an empty word/],
    [['--fail-on', 'nans'], /Did you mean nan\?/],
    [['--device', 'tpu'], /--device does not know tpu/],
    [['--histogram'], /--histogram is for --json/],
    [['--workers', '-1'], /--workers/],
  ];
  each(
    REFUSED,
    ([args]) => `${args.join(' ')} is refused`,
    async ([args, message]) => {
      const { code, stdout, stderr } = await dcp(['stats', FSDP2, ...args]);
      equal([code, stdout], [2, '']);
      match(stderr, message);
    },
  );

  test('a missing path is 2, with one document', async () => {
    const ending = await dcp(['stats', '/nowhere', '--json']);
    is(ending.code, 2);
    const { ok: isOk, error } = documentOf<Failure>(ending);
    equal([isOk, error.code, error.path], [false, 'file', '/nowhere']);
  });

  test('a pickle that names os.system is counted, and not run', async () => {
    const { code, stdout } = await dcp(['stats', fixturePath('calls_os_system')]);
    is(code, 0);
    ok(stdout.includes('healthy'));
  });
});
