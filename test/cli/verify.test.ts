import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { copyOf, flipTensor } from '../ops/verify/damage.js';
import { equal, is, match, suite } from '../suite.js';
import { dcp, documentOf, type Failure, FSDP2 } from './run-dcp.js';

suite('dcp verify', ({ test }) => {
  test('nothing is wrong: 0, and how much is proved', async () => {
    const { code, stdout, stderr } = await dcp(['verify', FSDP2, '--crc', '--replicas']);
    equal([code, stderr], [0, '']);
    match(stdout, /^Nothing is wrong\n/);
    match(stdout, /proved +14\.10 % \(15\.8 KiB \(16,197 bytes\)\) by a checksum/);
    match(stdout, /CRC-32 +436 compared, 0 wrong/);
  });

  test('findings: 1, by rule, each with file, byte and tensor', async () => {
    const path = copyOf('fsdp2_adam');
    const { file, byteOffset } = await flipTensor(path, 'app.model.net2.weight');
    rmSync(join(path, '__3_0.distcp'));
    const { code, stdout } = await dcp(['verify', path, '--crc']);
    is(code, 1);
    match(stdout, /^2 findings: 1 missing_file, 1 crc\n/);
    match(stdout, /__3_0\.distcp +.*of rank 3 is missing/);
    match(stdout, new RegExp(`${file} archive/data/0 byte ${byteOffset} +app\\.model\\.net2\\.weight: `));
  });

  test('--quiet prints nothing; --json one document, with 1 too', async () => {
    const path = copyOf('fsdp2_adam');
    rmSync(join(path, '__3_0.distcp'));
    const quiet = await dcp(['verify', path, '--quiet']);
    equal([quiet.code, quiet.stdout, quiet.stderr], [1, '', '']);
    const ending = await dcp(['verify', path, '--json']);
    const { ok, sound, state } = documentOf<{ ok: boolean; sound: boolean; state: string }>(ending);
    equal([ending.code, ok, sound, state], [1, true, false, 'partly_copied']);
  });

  test('could not: 2. What is only not read here is no damage', async () => {
    const missing = await dcp(['verify', '/nothing/here', '--json']);
    equal([missing.code, documentOf<Failure>(missing).error.code], [2, 'file']);
    const unsupported = await dcp(['verify', fixturePath('quantized_leaf_dcp'), '--quiet']);
    is(unsupported.code, 2);
    const ignored = await dcp([
      'verify',
      fixturePath('quantized_leaf_dcp'),
      '--ignore',
      'unsupported',
      '--quiet',
    ]);
    is(ignored.code, 0);
  });

  test('digests are written, then compared', async () => {
    const path = copyOf('all_dtypes');
    const written = await dcp(['verify', path, '--crc', '--sha256', '--write']);
    match(written.stdout, /SHA-256 +1 file written to .*all_dtypes\.pth\.integrity\.json/);
    const again = await dcp(['verify', path, '--sha256', '--write', '--json']);
    equal([again.code, documentOf<Failure>(again).error.code], [2, 'usage']);
    is((await dcp(['verify', path, '--sha256', '--quiet'])).code, 0);
  });

  test('options that do not go together', async () => {
    for (const options of [['--write'], ['--force'], ['--ignore', 'crcs']])
      is((await dcp(['verify', FSDP2, ...options])).code, 2, options.join(' '));
  });
});

suite('dcp scan', ({ test }) => {
  test('clean: 0, and what is named', async () => {
    const { code, stdout, stderr } = await dcp(['scan', FSDP2]);
    equal([code, stderr], [0, '']);
    match(stdout, /^Clean: nothing is named that is not known\n/);
    match(stdout, /weights_only +\d+ +torch\._utils\._rebuild_tensor_v2 +/);
  });

  test('dangerous: 1, and where', async () => {
    const { code, stdout } = await dcp(['scan', fixturePath('calls_os_system')]);
    is(code, 1);
    match(stdout, /^1 finding: 1 dangerous\n/);
    match(stdout, /global +calls_os_system\.pth > calls_os_system\/data\.pkl byte 248\n/);
    match(stdout, /posix\.system is called/);
    match(stdout, /DANGEROUS +1 +posix\.system/);
  });

  test('--allow takes what is unknown, and nothing that is dangerous', async () => {
    const directory = scratch();
    copyFileSync(fixturePath('vanished_class'), join(directory, 'a.pth'));
    is((await dcp(['scan', directory, '--quiet'])).code, 1);
    is((await dcp(['scan', directory, '--allow', 'vanished_package.*', '--quiet'])).code, 0);
    is((await dcp(['scan', fixturePath('calls_os_system'), '--allow', '*', '--quiet'])).code, 1);
  });

  test('nothing to scan: 2', async () => {
    for (const path of ['/nothing/here', scratch()]) {
      const ending = await dcp(['scan', path, '--json']);
      equal([ending.code, documentOf<Failure>(ending).error.code], [2, 'file']);
    }
  });
});
