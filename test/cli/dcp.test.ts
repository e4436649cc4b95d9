import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { copyFixture, fixtureCases, fixturePath, golden } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { dcp, type Ending, shell, start } from './run-dcp.js';
import { writeTorchFile } from './torch-file.js';

const FSDP2 = fixturePath('fsdp2_adam');
const TIED = fixturePath('tied');

/** The one document on stdout: one line, and nothing else. */
function documentOf({ stdout }: Ending): Record<string, never> {
  is(stdout.match(/\n/g)?.length, 1, stdout);
  return JSON.parse(stdout);
}

suite('dcp: endings', ({ each, test }) => {
  const nowhere = join(scratch(), 'nowhere');
  each<{ args: string[]; code: number; stdout?: RegExp; stderr?: RegExp }>(
    [
      { args: [], code: 2, stderr: /^Convert and inspect [^]*Usage: dcp <command>/ },
      { args: ['--help'], code: 0, stdout: /^Convert and inspect/ },
      { args: ['convert', '--help'], code: 0, stdout: /Usage: dcp convert <mode> <src> <dst>/ },
      { args: ['--version'], code: 0, stdout: /^\d+\.\d+\.\d+\n$/ },
      {
        args: ['inspect', 'a', '--forse'],
        code: 2,
        stderr: /^dcp: Unknown option --forse\nhint: Did you mean --force\?\n$/,
      },
      {
        args: ['inspect', nowhere],
        code: 2,
        stderr: /^dcp: There is nothing at this path \[in .*nowhere\]\n$/,
      },
      {
        args: ['convert', 'dcp_to_torch', nowhere, `${nowhere}.pth`],
        code: 2,
        stderr: /^dcp: .*nowhere/,
      },
      {
        args: ['inspect', fileURLToPath(import.meta.url)],
        code: 2,
        stderr: /^dcp: The file is no checkpoint/,
      },
    ],
    ({ args, code }) => `dcp ${args.join(' ').slice(0, 40)} ends with ${code}`,
    async ({ args, code, stdout = /^$/, stderr = /^$/ }) => {
      const ending = await dcp(args);
      is(ending.code, code, ending.stderr);
      match(ending.stdout, stdout);
      match(ending.stderr, stderr);
    },
  );

  each(
    [
      { args: ['inspect', nowhere, '--json'], command: 'inspect', code: 'file' },
      { args: ['inspect', '--json'], command: 'inspect', code: 'usage' },
      { args: ['--json', '--bad'], command: null, code: 'usage' },
      { args: ['convert', 'torch_to_dcp', 'a', '--json'], command: 'convert', code: 'usage' },
    ],
    ({ args }) => `dcp ${args.join(' ').slice(-40)} prints one document`,
    async ({ args, command, code }) => {
      const ending = await dcp(args);
      is(ending.code, 2);
      const document = documentOf(ending) as unknown as { error: Record<string, unknown> };
      equal({ ...document, error: document.error.code }, { ok: false, schema: 1, command, error: code });
      equal(Object.keys(document.error), [
        'code',
        'message',
        'expected',
        'found',
        'hint',
        'path',
        'fqn',
        'entry',
        'byte_offset',
      ]);
      match(ending.stderr, /^dcp: /);
    },
  );

  test('a bug says so, with a stack only if asked', async () => {
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(THROW_LATER)}` };
    const ending = await dcp(['inspect', FSDP2, '--json'], { env });
    is(ending.code, 2);
    match(ending.stderr, /^dcp: This is a bug in dcp: RangeError: out of luck\nhint: .*DCP_DEBUG=1/);
    is((documentOf(ending) as { error: { code: string } }).error.code, 'internal');
    match((await dcp(['inspect', FSDP2], { env: { ...env, DCP_DEBUG: '1' } })).stderr, /\n {4}at /);
  });
});

/** A mistake in a place where nobody catches it. */
const THROW_LATER = `setTimeout(() => { throw new RangeError('out of luck') }, 0)`;

suite('dcp inspect', ({ each, test }) => {
  test('JSON has what torch finds in the index', async () => {
    const ending = await dcp(['inspect', FSDP2, '--chunks', '--json']);
    is(ending.code, 0, ending.stderr);
    is(ending.stderr, '');
    const {
      ok: good,
      schema,
      command,
      entries,
    } = documentOf(ending) as unknown as {
      ok: boolean;
      schema: number;
      command: string;
      entries: Record<string, unknown>[];
    };
    equal({ good, schema, command }, { good: true, schema: 1, command: 'inspect' });
    const byFqn = (a: { fqn?: unknown }, b: { fqn?: unknown }): number =>
      String(a.fqn) < String(b.fqn) ? -1 : 1;
    equal(
      entries
        .map(({ fqn, path, kind, dtype, size, requires_grad, chunks }) =>
          kind === 'tensor' ? { fqn, path, kind, dtype, size, requires_grad, chunks } : { fqn, path, kind },
        )
        .sort(byFqn),
      golden('fsdp2_adam')
        .dcp!.items.map(item =>
          item.kind === 'tensor'
            ? {
                fqn: item.fqn,
                path: item.path,
                kind: item.kind,
                dtype: item.dtype,
                size: item.size,
                requires_grad: item.requires_grad,
                chunks: item.chunks.map(({ offsets, sizes, relative_path, offset, length }) => ({
                  offsets,
                  sizes,
                  relative_path,
                  offset,
                  length,
                })),
              }
            : { fqn: item.fqn, path: item.path, kind: item.kind },
        )
        .sort(byFqn),
    );
  });

  test('text in a pipe is plain and does not depend on the environment', async () => {
    const [one, other] = await Promise.all([
      dcp(['inspect', FSDP2], { env: { TERM: 'xterm-256color', COLUMNS: '40', LANG: 'en_US.UTF-8' } }),
      dcp(['inspect', FSDP2], {
        env: { TERM: 'dumb', CI: '1', LC_ALL: 'tlh_XX', TZ: 'Mars', NO_COLOR: '1' },
      }),
    ]);
    is(one.stdout, other.stdout);
    ok(/^[\n -~]*$/.test(one.stdout), one.stdout);
    match(one.stdout, /^path {10}.*fsdp2_adam\nformat {8}DCP directory, saved by torch 2\.9 or newer\n/);
    match(one.stdout, /\ncomplete {6}yes: 4 files of 4 ranks, /);
    match(one.stdout, /\nf32 {5}\[16, 16\] {2}1\.00 KiB {7}4 {2}app\.model\.net1\.weight\n/);
    match(one.stdout, /\nobject {12}1\.23 KiB {10}app\.optim\.param_groups\.0\.lr = 0\.1\n/);
  });

  test('an index on its own', async () => {
    const { code, stdout } = await dcp(['inspect', join(FSDP2, '.metadata')]);
    is(code, 0);
    match(stdout, /\ncomplete {6}index only: the data \(4 files of 4 ranks\) is not at hand\n/);
    match(stdout, /\nweights_only {2}not known/);
  });

  each(
    [
      { keys: ['*.weight'], count: 2 },
      { keys: ['*.net1.weight', '*.lr'], count: 2 },
      { keys: ['none'], count: 0 },
    ],
    ({ keys }) => `--keys ${keys.join(' --keys ')}`,
    async ({ keys, count }) => {
      const ending = await dcp(['inspect', FSDP2, '--json', ...keys.flatMap(key => ['--keys', key])]);
      is(ending.code, 0);
      is((documentOf(ending) as unknown as { entries: unknown[] }).entries.length, count);
      is(ending.stderr, count === 0 ? 'dcp: no entry has a name that --keys matches\n' : '');
    },
  );

  test('a hostile name reaches neither terminal nor log as it is', async () => {
    const file = join(scratch(), 'hostile.pth');
    writeTorchFile(file, 'a\u001b[2J\u009b\nb', 1);
    const [text, json] = await Promise.all([dcp(['inspect', file]), dcp(['inspect', file, '--json'])]);
    match(text.stdout, / {2}a\\x1b\[2J\\x9b\\nb\n$/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
    ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text.stdout + json.stdout));
    is(
      (documentOf(json) as unknown as { entries: { fqn: string }[] }).entries[0]!.fqn,
      'a\u001b[2J\u009b\nb',
    );
  });

  test('neither help nor JSON loads what draws', async () => {
    const loaded = async (args: string[]): Promise<string[]> => {
      const directory = scratch();
      is((await dcp(args, { env: { NODE_V8_COVERAGE: directory } })).code, 0);
      const reports = readdirSync(directory).map(name => readFileSync(join(directory, name), 'utf8'));
      return reports.flatMap(report => (JSON.parse(report) as Coverage).result.map(({ url }) => url));
    };
    const [help, json] = await Promise.all([loaded(['--help']), loaded(['inspect', FSDP2, '--json'])]);
    ok(help.length > 5 && json.length > help.length);
    equal(
      help.filter(url => url.includes('/node_modules/') || url.includes('/src/ops/')),
      [],
    );
    equal(
      json.filter(url => /\/node_modules\/(ink|react|yoga-layout)\/|inspect-text/.test(url)),
      [],
    );
  });
});

interface Coverage {
  result: { url: string }[];
}

suite('dcp convert', ({ each, test }) => {
  test('tells what it did on stdout, and nothing on stderr', async () => {
    const out = join(scratch(), 'out.pth');
    const { code, stdout, stderr } = await dcp(['convert', 'dcp_to_torch', FSDP2, out]);
    is(code, 0, stderr);
    is(stderr, '');
    const { length } = readFileSync(out);
    const lines = stdout.split('\n');
    is(lines[0], 'Converted DCP directory to torch.save file');
    ok(lines.includes(`  to         ${out}`));
    ok(lines.includes('  content    16 tensors, 12 objects, 4.80 KiB (4,912 bytes)'), stdout);
    ok(
      lines.some(line => line.endsWith(`(${length.toLocaleString('en')} bytes)`)),
      stdout,
    );
    ok(lines.includes('  checksums  52 storages checked, all good'), stdout);
  });

  test('JSON has losses, warnings, globals and checksums, in snake_case', async () => {
    const out = join(scratch(), 'out');
    const ending = await dcp(['convert', 'torch_to_dcp', TIED, out, '--json']);
    is(ending.code, 0, ending.stderr);
    const { elapsed_seconds, ...document } = documentOf(ending) as Record<string, unknown>;
    ok(typeof elapsed_seconds === 'number' && elapsed_seconds > 0);
    const kinds = (document.losses as { kind: string }[]).map(loss => loss.kind);
    equal(kinds, ['shared_storage', 'tensor_type']);
    equal(
      { ...document, losses: [], outputs: [] },
      {
        ok: true,
        schema: 1,
        command: 'convert',
        mode: 'torch_to_dcp',
        status: 'converted',
        source: TIED,
        destination: out,
        tensors: 10,
        objects: 0,
        byte_length: 600,
        outputs: [],
        crc: { checked: 0, partly_read: 3, without_crc: 0 },
        workers: 0,
        crc_checked: false,
        replicas: 0,
        losses: [],
        warnings: [],
        globals: [],
        loads_with_weights_only: true,
        left_behind: [],
      },
    );
    equal(
      document.outputs,
      readdirSync(out)
        .map(name => ({ name, byte_length: statSync(join(out, name)).size }))
        .sort((a, b) => (a.name > b.name ? -1 : 1)),
    );
  });

  test('--quiet prints nothing on success, and tells of failure', async () => {
    const directory = scratch();
    const source = fixturePath('python_objects');
    const out = join(directory, 'out');
    const quiet = await dcp(['convert', 'torch_to_dcp', source, out, '--quiet']);
    equal(quiet, { code: 0, stdout: '', stderr: '' });
    const again = await dcp(['convert', 'torch_to_dcp', source, out, '--quiet']);
    is(again.code, 2);
    match(again.stderr, /^dcp: The destination exists already .*\nhint: Use --force/);
  });

  test('--dry-run writes nothing', async () => {
    const directory = scratch();
    const { code, stdout } = await dcp([
      'convert',
      'dcp_to_torch',
      FSDP2,
      join(directory, 'o.pth'),
      '--dry-run',
    ]);
    is(code, 0);
    match(stdout, /^Plan, nothing written: [^]*\n {2}would write {2}o\.pth, \d/);
    equal(readdirSync(directory), []);
  });

  test('--skip-existing proves, --force replaces', async () => {
    const out = join(scratch(), 'o.pth');
    const run = (...options: string[]) => dcp(['convert', 'dcp_to_torch', FSDP2, out, ...options]);
    is((await run()).code, 0);
    match((await run('--skip-existing')).stdout, /^Up to date, nothing written/);
    is((await dcp(['convert', 'dcp_to_torch', fixturePath('grid_shards'), out, '--force'])).code, 0);
    const other = await run('--skip-existing');
    is(other.code, 2);
    match(other.stderr, /^dcp: The destination exists and is not this source converted/);
  });

  test('a directory is replaced whole with --force', async () => {
    const out = join(scratch(), 'ckpt');
    const run = (...options: string[]) => dcp(['convert', 'torch_to_dcp', TIED, out, ...options]);
    is((await run()).code, 0);
    is((await run()).code, 2);
    is((await run('--force')).code, 0);
    equal(readdirSync(out).sort(), ['.metadata', '__0_0.distcp']);
  });

  test('classes beyond the list of torch are named, and refused with --strict', async () => {
    const directory = scratch();
    const source = fixturePath('scalars');
    const named = await dcp(['convert', 'torch_to_dcp', fixturePath('training_run'), join(directory, 'a')]);
    is(named.code, 0);
    match(named.stderr, /^dcp: warning: .*argparse\.Namespace/);
    const strict = await dcp([
      'convert',
      'torch_to_dcp',
      fixturePath('training_run'),
      join(directory, 'b'),
      '--strict',
    ]);
    is(strict.code, 2);
    match(strict.stderr, /argparse\.Namespace/);
    ok(source.endsWith('.pth'));
  });

  test('functions that run commands are refused, unless they are allowed', async () => {
    const directory = scratch();
    const source = fixtureCases.find(entry => entry.unsafe === true && entry.kind === 'torch')!;
    const path = fixturePath(source.name, source.torch);
    const refused = await dcp(['convert', 'torch_to_dcp', path, join(directory, 'a')]);
    is(refused.code, 2);
    match(refused.stderr, /^dcp: .*system.*\nhint: .*--allow-unsafe-globals/);
    const allowed = await dcp([
      'convert',
      'torch_to_dcp',
      path,
      join(directory, 'b'),
      '--allow-unsafe-globals',
    ]);
    is(allowed.code, 0, allowed.stderr);
    match(allowed.stderr, /^dcp: warning: loading this in Python runs .*system/);
  });

  test('a torn overwrite is a warning on stderr and in the document, refused with --strict', async () => {
    const directory = scratch();
    const source = copyFixture('torn_overwrite', directory);
    const run = (...options: string[]) =>
      dcp([
        'convert',
        'dcp_to_torch',
        source,
        join(directory, `o${options.length}.pth`),
        '--json',
        ...options,
      ]);
    const warned = await run();
    is(warned.code, 0, warned.stderr);
    match(warned.stderr, /^dcp: warning: 1 of 4 data files are newer/);
    const { warnings } = documentOf(warned) as unknown as { warnings: { kind: string }[] };
    equal(
      warnings.map(({ kind }) => kind),
      ['torn_overwrite'],
    );
    const strict = await run('--strict');
    is(strict.code, 2);
    is((documentOf(strict) as { error: { code: string } }).error.code, 'corrupt');
    match((await dcp(['inspect', source])).stdout, /\nWARNING {7}1 of 4 data files are newer/);
  });

  each(
    [
      { workers: '0', crc: [], checked: true },
      { workers: '2', crc: [], checked: true },
      { workers: '1', crc: ['--no-crc'], checked: false },
    ],
    ({ workers, crc }) => `--workers ${workers} ${crc.join(' ')}`,
    async ({ workers, crc, checked }) => {
      const out = join(scratch(), 'o.pth');
      const ending = await dcp([
        'convert',
        'dcp_to_torch',
        FSDP2,
        out,
        '--json',
        '--workers',
        workers,
        ...crc,
      ]);
      is(ending.code, 0, ending.stderr);
      const document = documentOf(ending) as unknown as { workers: number; crc_checked: boolean };
      equal([document.workers, document.crc_checked], [Number(workers), checked]);
    },
  );
});

suite('dcp in bad company', ({ each, test }) => {
  const OUT = join(scratch(), 'o.pth');
  each<{
    what: string;
    line: string;
    code?: number;
    stdout?: RegExp;
    stderr?: RegExp;
    env?: Record<string, string>;
  }>(
    [
      {
        what: 'a reader that has enough',
        line: `set -o pipefail; $DCP inspect ${FSDP2} --json | head -c 5`,
        stdout: /^{"ok"$/,
      },
      {
        what: 'a reader that is gone',
        line: `set -o pipefail; { sleep 0.01; $DCP inspect ${FSDP2}; } | true`,
        stdout: /^$/,
      },
      { what: 'stdin closed', line: `$DCP convert dcp_to_torch ${FSDP2} ${OUT}.1 <&-`, stdout: /^Converted/ },
      { what: 'stdout closed', line: `$DCP convert dcp_to_torch ${FSDP2} ${OUT}.2 >&-`, stdout: /^$/ },
      { what: 'stderr closed', line: `$DCP inspect ${FSDP2}/nothing 2>&-`, code: 2, stdout: /^$/ },
      { what: 'all closed', line: `$DCP convert dcp_to_torch ${FSDP2} ${OUT}.3 <&- >&- 2>&-`, stdout: /^$/ },
      {
        what: 'a full disk behind stdout',
        line: `$DCP inspect ${FSDP2} >/dev/full`,
        code: 2,
        stdout: /^$/,
        stderr: /^dcp: The result could not be written to stdout \(found ENOSPC\)\n$/,
      },
      {
        what: 'no HOME, no PATH, an odd locale, no terminal',
        line: `env -i LC_ALL=tlh_XX TERM=dumb $DCP inspect ${FSDP2} --json`,
        stdout: /^{"ok":true/,
      },
    ],
    row => row.what,
    async ({ line, code = 0, stdout = /^/, stderr = /^$/, env = {} }) => {
      const ending = await shell(line, env);
      is(ending.code, code, ending.stderr);
      match(ending.stdout, stdout);
      match(ending.stderr, stderr);
    },
  );

  test('the outputs of those runs are whole', () => {
    for (const i of [1, 2, 3]) equal(readFileSync(`${OUT}.${i}`).length, readFileSync(`${OUT}.1`).length);
  });
});

/** A conversion that takes long enough to be ended in the middle. */
function startLong(directory: string, ...options: string[]) {
  const source = join(directory, 'big.pth');
  const destination = join(directory, 'out');
  if (!existsSync(source)) writeTorchFile(source, 'w', 256 << 20);
  const run = start(['convert', 'torch_to_dcp', source, destination, ...options]);
  const copying = async (): Promise<void> => {
    while (run.child.exitCode === null) {
      const temporary = readdirSync(directory).find(name => name.startsWith('.out.dcp-tmp-'));
      if (temporary !== undefined && readdirSync(join(directory, temporary)).length === 2) return;
      await setTimeout(2);
    }
    throw new Error('the conversion was over too soon');
  };
  return { ...run, copying };
}

suite('dcp ended from outside', ({ each, test }) => {
  const directory = scratch();

  each(
    [
      { signal: 'SIGINT', workers: '2', code: 130 },
      { signal: 'SIGINT', workers: '0', code: 130 },
      { signal: 'SIGTERM', workers: '2', code: 143 },
      { signal: 'SIGHUP', workers: '2', code: 129 },
    ] as const,
    ({ signal, workers }) => `${signal} in the middle of a copy with ${workers} workers`,
    async ({ signal, workers, code }) => {
      const { child, ended, copying } = startLong(directory, '--json', '--workers', workers);
      await copying();
      child.kill(signal);
      const ending = await ended;
      is(ending.code, code, ending.stderr);
      match(ending.stderr, /^dcp: Interrupted\nhint: The destination is what it was before\.\n$/);
      is((documentOf(ending) as { error: { code: string } }).error.code, 'interrupted');
      equal(readdirSync(directory), ['big.pth']);
    },
  );

  test('killed: the temporary stays, and the next run removes it', async () => {
    const { child, ended, copying } = startLong(directory);
    await copying();
    child.kill('SIGKILL');
    is((await ended).code, null);
    is(readdirSync(directory).length, 2);
    const destination = join(directory, 'out');
    const next = await dcp(['convert', 'torch_to_dcp', TIED, destination]);
    is(next.code, 0, next.stderr);
    equal(readdirSync(directory).sort(), ['big.pth', 'out']);
  });

  test('two signals end it at once', async () => {
    const inner = join(directory, 'two');
    mkdirSync(inner);
    const { child, ended, copying } = startLong(inner);
    await copying();
    child.kill('SIGINT');
    child.kill('SIGTERM');
    const { code } = await ended;
    ok(code === 130 || code === 143, `${code}`);
    ok(!existsSync(join(inner, 'out')));
  });

  test('a run that lives is not disturbed', async () => {
    const inner = join(directory, 'live');
    mkdirSync(inner);
    const { child, ended, copying } = startLong(inner);
    await copying();
    child.kill('SIGSTOP');
    const other = await dcp(['convert', 'torch_to_dcp', TIED, join(inner, 'out')]);
    child.kill('SIGCONT');
    child.kill('SIGINT');
    is(other.code, 2);
    match(other.stderr, /^dcp: Another conversion is making this output .*process \d+/);
    is((await ended).code, 130);
  });
});

suite('dcp with its output in files', ({ test }) => {
  test('stdout and stderr as files hold the whole', async () => {
    const directory = scratch();
    const out = openSync(join(directory, 'stdout'), 'w');
    const { code } = await dcp(['inspect', FSDP2, '--chunks', '--json'], {
      stdio: ['ignore', out, 'ignore'],
    });
    closeSync(out);
    is(code, 0);
    is((JSON.parse(readFileSync(join(directory, 'stdout'), 'utf8')) as { tensors: number }).tensors, 16);
  });
});
