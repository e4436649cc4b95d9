/** The streams around the program: closed, full, not a terminal. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { bigSource } from './big-source.js';
import { BINARY, convertArguments, convertHere, runDcp } from './run-dcp.js';

const DIRECTORY = fixturePath('grid_shards');

/** Runs a shell line in which `$dcp` is the program; `$1`, `$2` … are `args`. */
function shell(line: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const dcp = `dcp() { "${process.execPath}" "${BINARY}" "$@"; }`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', `${dcp}; ${line}`, 'bash', ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

suite('faults: streams', ({ each, test }) => {
  const endings: [what: string, line: string][] = [
    ['stdin closed', 'dcp convert dcp_to_torch "$1" "$2" <&-'],
    ['stdout closed', 'dcp convert dcp_to_torch "$1" "$2" >&-'],
    ['stderr closed', 'dcp convert dcp_to_torch "$1" "$2" 2>&-'],
    ['all closed', 'dcp convert dcp_to_torch "$1" "$2" <&- >&- 2>&-'],
    ['a reader that went away', 'set -o pipefail; dcp convert dcp_to_torch "$1" "$2" | true'],
    ['a reader of stderr that went away', 'dcp convert dcp_to_torch "$1" "$2" 2> >(true)'],
    ['TERM=dumb', 'TERM=dumb dcp convert dcp_to_torch "$1" "$2"'],
    ['CI=1', 'CI=1 dcp convert dcp_to_torch "$1" "$2"'],
    ['no environment', 'env -i "$3" "$4" convert dcp_to_torch "$1" "$2"'],
  ];
  each(
    endings,
    ([what]) => `a conversion works with ${what}`,
    ([, line]) => {
      const root = scratch({ inMemory: true });
      const output = join(root, 'out.pth');
      const { status, stderr } = shell(line, DIRECTORY, output, process.execPath, BINARY);
      is(status, 0, stderr);
      is(stderr, '');
      equal(readdirSync(root), ['out.pth']);
    },
  );

  test('a table cut off by its reader ends quietly', () => {
    const { status, stdout, stderr } = shell(
      'set -o pipefail; dcp inspect "$1" --chunks | head -n 1',
      DIRECTORY,
    );
    is(status, 0, stderr);
    match(stdout, /^path /);
    is(stderr, '');
  });

  test('a failure whose stdout is closed still tells stderr, and exits 2', () => {
    const { status, stderr } = shell('dcp inspect /nowhere --json >&-');
    is(status, 2);
    match(stderr, /^dcp: There is nothing at this path/);
  });

  test('stdout on a full disk', () => {
    const { status, stderr } = shell('dcp inspect "$1" --json > /dev/full', DIRECTORY);
    is(status, 2);
    match(stderr, /^dcp: The result could not be written to stdout \(found ENOSPC\)/);
  });

  test('--quiet prints nothing', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('torn_overwrite', root);
    const { exitCode, stdout, stderr } = await runDcp(
      convertArguments('dcp_to_torch', source, join(root, 'out.pth'), '--quiet'),
    );
    equal([exitCode, stdout, stderr], [0, '', '']);
  });
});

suite('faults: a .pth written to stdout', ({ test }) => {
  test('has the bytes that a file gets', async () => {
    const root = scratch({ inMemory: true });
    // The archive's top-level directory is named after the file.
    await convertHere(convertArguments('dcp_to_torch', DIRECTORY, join(root, 'archive.pth')));
    const { status, stderr } = shell(
      'dcp convert dcp_to_torch "$1" - > "$2"',
      DIRECTORY,
      join(root, 'streamed'),
    );
    is(status, 0, stderr);
    const [file, streamed] = ['archive.pth', 'streamed'].map(name => readFileSync(join(root, name)));
    ok(file!.equals(streamed!));
  });

  test('to a reader that went away, or a full disk, is a failure', async () => {
    const { directory } = await bigSource();
    const cut = shell('set -o pipefail; dcp convert dcp_to_torch "$1" - | head -c 100000 | wc -c', directory);
    is(cut.stdout.trim(), '100000');
    is(cut.status, 2, cut.stderr);
    const full = shell('dcp convert dcp_to_torch "$1" - > /dev/full', directory);
    is(full.status, 2);
    match(full.stderr, /ENOSPC|no space/);
  });

  test('of a damaged source is no archive, and the exit code is 2', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('column_shards', root);
    const path = join(source, '__2_0.distcp');
    execFileSync('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1', 'seek=1400', 'count=8', 'conv=notrunc'], {
      stdio: 'ignore',
    });
    const { status, stderr } = shell(
      'dcp convert dcp_to_torch "$1" - > "$2"',
      source,
      join(root, 'streamed'),
    );
    is(status, 2);
    match(stderr, /^dcp: /);
    is(readFileSync(join(root, 'streamed')).includes('PK\u0005\u0006'), false);
  });
});
