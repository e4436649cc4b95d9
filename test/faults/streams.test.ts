/** The streams around the program: closed, full, not a terminal. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { bigSource } from './big-source.js';
import { BINARY, convertArguments, convertHere, runDcp, sideBySide } from './run-dcp.js';

const DIRECTORY = fixturePath('grid_shards');

interface ShellEnding {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a shell line in which `dcp` is the program; `$1`, `$2` … are `args`. */
function shell(line: string, ...args: string[]): Promise<ShellEnding> {
  const dcp = `dcp() { "${process.execPath}" "${BINARY}" "$@"; }`;
  return new Promise(resolve => {
    const options = { encoding: 'utf8', timeout: 60_000 } as const;
    const child = execFile('bash', ['-c', `${dcp}; ${line}`, 'bash', ...args], options, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

/** A device that has no room for anything. */
const FULL = '/dev/full';

suite('faults: streams', ({ each, test, skip }) => {
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
    sideBySide(endings, async ([, line]) => {
      const root = scratch({ inMemory: true });
      const output = join(root, 'out.pth');
      const { status, stderr } = await shell(line, DIRECTORY, output, process.execPath, BINARY);
      is(status, 0, stderr);
      is(stderr, '');
      equal(readdirSync(root), ['out.pth']);
    }),
  );

  test('a table cut off by its reader ends quietly', async () => {
    const { status, stdout, stderr } = await shell(
      'set -o pipefail; dcp inspect "$1" --chunks | head -n 1',
      DIRECTORY,
    );
    is(status, 0, stderr);
    match(stdout, /^path /);
    is(stderr, '');
  });

  test('a failure whose stdout is closed still tells stderr, and exits 2', async () => {
    const { status, stderr } = await shell('dcp inspect /nowhere --json >&-');
    is(status, 2);
    match(stderr, /^dcp: There is nothing at this path/);
  });

  if (existsSync(FULL)) {
    test('stdout on a full disk', async () => {
      const { status, stderr } = await shell('dcp inspect "$1" --json > "$2"', DIRECTORY, FULL);
      is(status, 2);
      match(stderr, /^dcp: The result could not be written to stdout \(found ENOSPC\)/);
      const { directory } = await bigSource();
      const archive = await shell('dcp convert dcp_to_torch "$1" - > "$2"', directory, FULL);
      is(archive.status, 2);
      match(archive.stderr, /ENOSPC|no space/);
    });
  } else skip('stdout on a full disk', `there is no ${FULL}`);

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
    const { status, stderr } = await shell(
      'dcp convert dcp_to_torch "$1" - > "$2"',
      DIRECTORY,
      join(root, 'streamed'),
    );
    is(status, 0, stderr);
    const [file, streamed] = ['archive.pth', 'streamed'].map(name => readFileSync(join(root, name)));
    ok(file!.equals(streamed!));
  });

  test('to a reader that went away is a failure', async () => {
    const { directory } = await bigSource();
    const cut = await shell(
      'set -o pipefail; dcp convert dcp_to_torch "$1" - | head -c 100000 | wc -c',
      directory,
    );
    is(cut.stdout.trim(), '100000');
    is(cut.status, 2, cut.stderr);
  });

  test('of a damaged source is no archive, and the exit code is 2', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('column_shards', root);
    const path = join(source, '__2_0.distcp');
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('archive/data/0') + 100]! ^= 1;
    writeFileSync(path, bytes);
    const { status, stderr } = await shell(
      'dcp convert dcp_to_torch "$1" - > "$2"',
      source,
      join(root, 'streamed'),
    );
    is(status, 2);
    match(stderr, /^dcp: /);
    is(readFileSync(join(root, 'streamed')).includes('PK\u0005\u0006'), false);
  });
});
