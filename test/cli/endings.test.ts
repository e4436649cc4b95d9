import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from '../io/scratch.js';
import { equal, is, match, suite } from '../suite.js';
import { dcp, documentOf, type Failure, FSDP2 } from './run-dcp.js';

suite('dcp: endings', ({ each, test }) => {
  const nowhere = join(scratch(), 'nowhere');
  each<{ args: string[]; code: number; stdout?: RegExp; stderr?: RegExp }>(
    [
      { args: [], code: 2, stderr: /^Look at, convert and check [\s\S]*Usage: dcp <command>/ },
      { args: ['--help'], code: 0, stdout: /^Look at, convert and check/ },
      { args: ['convert', '--help'], code: 0, stdout: /Usage: dcp convert \[mode\] <src> <dst>/ },
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
      const document = documentOf<Failure>(ending);
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
    // Threads take longer to start than the mistake to happen.
    const args = ['stats', FSDP2, '--workers', '1'];
    const ending = await dcp([...args, '--json'], { env });
    is(ending.code, 2);
    match(ending.stderr, /^dcp: This is a bug in dcp: RangeError: out of luck\nhint: .*DCP_DEBUG=1/);
    is(documentOf<Failure>(ending).error.code, 'internal');
    match((await dcp(args, { env: { ...env, DCP_DEBUG: '1' } })).stderr, /\n {4}at /);
  });
});

/** A mistake in a place where nobody catches it. */
const THROW_LATER = `process.on('newListener', name => {
  if (name === 'uncaughtException') setTimeout(() => { throw new RangeError('out of luck') }, 0);
})`;
