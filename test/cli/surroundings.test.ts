import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../io/scratch.js';
import { equal, is, match, suite } from '../suite.js';
import { dcp, FSDP2, shell } from './run-dcp.js';

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

  test('stdout and stderr as files hold the whole', async () => {
    const directory = scratch();
    const out = openSync(join(directory, 'stdout'), 'w');
    const { code, stderr } = await dcp(['inspect', FSDP2, '--chunks', '--json'], {
      stdio: ['ignore', out, 'ignore'],
    });
    closeSync(out);
    is(code, 0, stderr);
    is((JSON.parse(readFileSync(join(directory, 'stdout'), 'utf8')) as { tensors: number }).tensors, 16);
  });
});
