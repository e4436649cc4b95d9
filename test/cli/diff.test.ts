import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { readTree, scratch } from '../io/scratch.js';
import { equal, is, match, suite } from '../suite.js';
import { dcp, documentOf, type Failure, FSDP2, shell } from './run-dcp.js';

const WHOLE = fixturePath('int_keys');
const SHARDS = fixturePath('int_keys_dcp');

suite('dcp diff', ({ test }) => {
  test('equal: 0, and one screen that says so', async () => {
    const { code, stdout, stderr } = await dcp(['diff', WHOLE, SHARDS]);
    equal([code, stderr], [0, '']);
    match(stdout, /^Equal, bit for bit\n/);
    match(stdout, /note +keys are int in A, str in B \(12 times/);
  });

  test('different: 1, grouped, the worst first', async () => {
    const rename = ['--rename', 's/exp_avg_sq$/x/', '--rename', 's/exp_avg$/exp_avg_sq/'];
    const { code, stdout } = await dcp(['diff', FSDP2, FSDP2, ...rename, '--keys', '*exp_avg_sq']);
    is(code, 1);
    match(stdout, /^Different: 4 other values\n/);
    const rows = stdout.split('\n').filter(line => line.includes(' app.'));
    match(rows[0]!, /0\.9786 .*net2\.weight/);
  });

  test('--quiet prints nothing; --json one document, with 1 too', async () => {
    const quiet = await dcp(['diff', WHOLE, FSDP2, '--quiet']);
    equal([quiet.code, quiet.stdout, quiet.stderr], [1, '', '']);
    const ending = await dcp(['diff', WHOLE, FSDP2, '--json']);
    const document = documentOf<{ ok: boolean; equal: boolean }>(ending);
    equal([ending.code, document.ok, document.equal], [1, true, false]);
  });

  test('could not be compared: 2', async () => {
    const ending = await dcp(['diff', WHOLE, '/nothing/here', '--json']);
    is(ending.code, 2);
    is(documentOf<Failure>(ending).error.code, 'file');
  });

  test('--keys that match nothing are a mistake, not equality: 2', async () => {
    const { code, stdout, stderr } = await dcp(['diff', WHOLE, SHARDS, '--keys', 'zzz']);
    equal([code, stdout], [2, '']);
    match(stderr, /--keys zzz matches nothing/);
  });
});

suite('dcp extract', ({ test }) => {
  const BIAS = 'app.model.net2.bias';

  test('a file, and what it is', async () => {
    const out = join(scratch(), 'bias.npy');
    const { code, stdout } = await dcp(['extract', FSDP2, BIAS, '-o', out]);
    is(code, 0);
    match(stdout, /^Extracted 1 tensor as npy\n/);
    match(stdout, /array +app\.model\.net2\.bias: float32 \[8\]/);
  });

  test('to stdout: the file there, the words on stderr', async () => {
    const { code, stdout, stderr } = await shell(`$DCP extract ${FSDP2} ${BIAS} -o - | wc -c`);
    equal([code, stdout.trim()], [0, '160']);
    match(stderr, /^Extracted/);
  });

  test('text, and a reader that has seen enough', async () => {
    const { stdout } = await dcp(['extract', FSDP2, BIAS, '--format', 'text', '--slice', '-1:']);
    is(stdout, `# ${BIAS} float32 [1]\n0.18798795\n`);
    const ending = await shell(
      `$DCP extract ${FSDP2} ${BIAS} --format text | head -1; echo "\${PIPESTATUS[0]}"`,
    );
    equal([ending.stdout, ending.stderr], [`# ${BIAS} float32 [8]\n0\n`, '']);
  });

  test('what exists stays, and a mistyped name is answered', async () => {
    const directory = scratch();
    const out = join(directory, 'bias.npy');
    writeFileSync(out, 'mine');
    const taken = await dcp(['extract', FSDP2, BIAS, '-o', out]);
    is(taken.code, 2);
    match(taken.stderr, /exists already/);
    equal(readTree(directory), { 'bias.npy': 'mine' });
    const mistyped = await dcp(['extract', FSDP2, `${BIAS}s`, '-o', join(directory, 'x.npy')]);
    match(mistyped.stderr, /hint: Did you mean app\.model\.net2\.bias\?/);
  });
});

suite('dcp inspect --mesh', ({ test }) => {
  test('what each rank holds', async () => {
    const args = ['--mesh', '3', '--placements', 'Shard(0)', '--keys', '*net2.bias'];
    const { code, stdout } = await dcp(['inspect', FSDP2, ...args]);
    is(code, 0);
    match(stdout, /layout +Shard\(dim=0\) on mesh 3\n/);
    match(stdout, / rank 0 +\[0:3\] +12 B\n +rank 1 +\[3:6\] +12 B\n +rank 2 +\[6:8\] +8 B\n/);
  });

  test('a mesh that is none', async () => {
    const { code, stderr } = await dcp(['inspect', FSDP2, '--mesh', '2x', '--placements', 'Shard(0)']);
    is(code, 2);
    match(stderr, /no device mesh/);
  });
});

suite('dcp convert --check', ({ test }) => {
  test('says what was read back', async () => {
    const { code, stdout } = await dcp([
      'convert',
      'dcp_to_torch',
      FSDP2,
      join(scratch(), 'a.pth'),
      '--check',
    ]);
    is(code, 0);
    match(stdout, /checked +read back: 16 tensors and 12 objects are equal to the source/);
  });
});
