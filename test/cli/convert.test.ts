import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { copyFixture, fixtureCases, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { dcp, documentOf, type Ending, type Failure, FSDP2, TIED } from './run-dcp.js';

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
    const { elapsed_seconds, ...document } = documentOf(ending);
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
        crc: { checked: 3, partly_read: 0, without_crc: 0 },
        workers: 0,
        crc_checked: true,
        replicas: 0,
        losses: [],
        lost: [],
        casts: [],
        ties: [],
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
    const { code, stdout, stderr } = await dcp([
      'convert',
      'dcp_to_torch',
      FSDP2,
      join(directory, 'o.pth'),
      '--dry-run',
    ]);
    is(code, 0, stderr);
    match(stdout, /^Plan, nothing written: [\s\S]*\n {2}would write {2}o\.pth, \d/);
    equal(readdirSync(directory), []);
  });

  test('--skip-existing proves, --force replaces', async () => {
    const out = join(scratch(), 'o.pth');
    const run = (...options: string[]) => dcp(['convert', 'dcp_to_torch', FSDP2, out, ...options]);
    await succeeds(run());
    match((await run('--skip-existing')).stdout, /^Up to date, nothing written/);
    await succeeds(dcp(['convert', 'dcp_to_torch', fixturePath('grid_shards'), out, '--force']));
    const other = await run('--skip-existing');
    is(other.code, 2);
    match(other.stderr, /^dcp: The destination exists and is not this source converted/);
  });

  test('a directory is replaced whole with --force', async () => {
    const out = join(scratch(), 'ckpt');
    const run = (...options: string[]) => dcp(['convert', 'torch_to_dcp', TIED, out, ...options]);
    await succeeds(run());
    is((await run()).code, 2);
    await succeeds(run('--force'));
    equal(readdirSync(out).sort(), ['.metadata', '__0_0.distcp']);
  });

  test('classes beyond the list of torch are named, and refused with --strict', async () => {
    const directory = scratch();
    const named = await dcp(['convert', 'torch_to_dcp', fixturePath('training_run'), join(directory, 'a')]);
    is(named.code, 0, named.stderr);
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
    const { warnings } = documentOf<{ warnings: { kind: string }[] }>(warned);
    equal(
      warnings.map(({ kind }) => kind),
      ['torn_overwrite'],
    );
    const strict = await run('--strict');
    is(strict.code, 2);
    is(documentOf<Failure>(strict).error.code, 'corrupt');
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
      const document = documentOf<{ workers: number; crc_checked: boolean }>(ending);
      equal([document.workers, document.crc_checked], [Number(workers), checked]);
    },
  );
});

async function succeeds(run: Promise<Ending>): Promise<void> {
  const { code, stderr } = await run;
  is(code, 0, stderr);
}
