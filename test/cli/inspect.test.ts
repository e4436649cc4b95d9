import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { golden } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { dcp, documentOf, FSDP2 } from './run-dcp.js';
import { writeTorchFile } from './torch-file.js';

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
    } = documentOf<{
      ok: boolean;
      schema: number;
      command: string;
      entries: Record<string, unknown>[];
    }>(ending);
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
                  rank: Number(/^__(\d+)_/.exec(relative_path)![1]),
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
    match(one.stdout, /\n {6}weight {18}\[16, 16\] {2}f32 {4}1\.00 KiB\n/);
    match(one.stdout, /\n {6}lr = 0\.1\n/);
  });

  test('an index on its own', async () => {
    const { code, stdout, stderr } = await dcp(['inspect', join(FSDP2, '.metadata')]);
    is(code, 0, stderr);
    match(stdout, /\ncomplete {6}index only: the data \(4 files of 4 ranks\) is not at hand\n/);
    match(stdout, /\nweights_only {2}not known/);
  });

  each(
    [
      { keys: ['*.weight'], count: 2 },
      { keys: ['*.net1.weight', '*.lr'], count: 2 },
    ],
    ({ keys }) => `--keys ${keys.join(' --keys ')}`,
    async ({ keys, count }) => {
      const ending = await dcp(['inspect', FSDP2, '--json', ...keys.flatMap(key => ['--keys', key])]);
      is(ending.code, 0, ending.stderr);
      is(documentOf<{ entries: unknown[] }>(ending).entries.length, count);
      is(ending.stderr, '');
    },
  );

  test('--keys that match nothing are a mistake', async () => {
    const { code, stderr } = await dcp(['inspect', FSDP2, '--keys', '*.wieght']);
    is(code, 2);
    match(stderr, /^dcp: --keys \*\.wieght matches nothing/);
  });

  test('a hostile name reaches neither terminal nor log as it is', async () => {
    const file = join(scratch(), 'hostile.pth');
    writeTorchFile(file, 'a\u001b[2J\u009b\nb', 1);
    const [text, json] = await Promise.all([dcp(['inspect', file]), dcp(['inspect', file, '--json'])]);
    equal([text.stderr, json.stderr], ['', '']);
    match(text.stdout, / {0}a\\x1b\[2J\\x9b\\nb {5}\[1\] {4}f32 {5}4 B\n$/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
    ok(!/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text.stdout + json.stdout));
    is(documentOf<{ entries: { fqn: string }[] }>(json).entries[0]!.fqn, 'a\u001b[2J\u009b\nb');
  });

  test('neither help nor JSON loads what draws', async () => {
    const loaded = async (args: string[]): Promise<string[]> => {
      const directory = scratch();
      const { code, stderr } = await dcp(args, { env: { NODE_V8_COVERAGE: directory } });
      is(code, 0, stderr);
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
