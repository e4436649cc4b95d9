/** Outputs that are no conversion: what they must not replace, and where they must not be led; inputs that lie of their length. */
import { existsSync, linkSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { extractTensors, type Progress, scan, verify, writeHtmlReport } from '../../src/index.js';
import { FileSource } from '../../src/io/source.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { is, ok, rejects, suite, throws } from '../suite.js';
import { leavesUnchanged } from './contents.js';

const TENSOR = 'app.model.net1.weight';

const writers: readonly (readonly [
  what: string,
  write: (source: string, path: string) => Promise<unknown>,
])[] = [
  ['a page', (source, path) => writeHtmlReport(source, path, { force: true })],
  ['an array', (source, path) => extractTensors(source, [TENSOR], path, { force: true, format: 'npy' })],
];
const names: readonly (readonly [what: string, at: (root: string, file: string) => string])[] = [
  ['itself', (_, file) => file],
  [
    'by a link',
    (root, file) => {
      symlinkSync(file, join(root, 'link'));
      return join(root, 'link');
    },
  ],
  [
    'by another name',
    (root, file) => {
      linkSync(file, join(root, 'name'));
      return join(root, 'name');
    },
  ],
];

suite('faults: a file of the source as destination', ({ each }) => {
  each(
    writers.flatMap(([what, write]) => names.map(([how, at]) => ({ what, how, write, at }))),
    ({ what, how }) => `${what}, over a data file ${how}: refused`,
    async ({ write, at }) => {
      const root = scratch({ inMemory: true });
      const source = copyFixture('fsdp2_adam', root);
      const path = at(root, join(source, '__0_0.distcp'));
      await leavesUnchanged(root, () =>
        rejects(() => write(source, path), { code: 'usage', message: /would replace a file of the source/ }),
      );
    },
  );
});

suite('faults: a file of digests that others have put there', ({ each, test }) => {
  each(
    [
      { what: 'to nothing', exists: false, force: false },
      { what: 'to nothing, with force', exists: false, force: true },
      { what: 'to a file, with force', exists: true, force: true },
    ],
    ({ what }) => `a link ${what}: it is not followed`,
    async ({ exists, force }) => {
      const root = scratch({ inMemory: true });
      const source = copyFixture('fsdp2_adam', root);
      const victim = join(root, 'victim');
      if (exists) writeFileSync(victim, 'precious');
      symlinkSync(victim, join(source, 'integrity.json'));
      await leavesUnchanged(root, () =>
        rejects(() => verify(source, { sha256: 'write', force }), {
          code: 'usage',
          message: /is a symbolic link/,
        }),
      );
    },
  );

  test('the checkpoint itself may be given by a link', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('fsdp2_adam', root);
    symlinkSync(source, join(root, 'latest'));
    const { sha256 } = await verify(join(root, 'latest'), { sha256: 'write' });
    is(sha256?.written, true);
    ok(existsSync(join(source, 'integrity.json')));
  });
});

suite('faults: what changes while its digests are taken', ({ test }) => {
  test('none are written', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('fsdp2_adam', root);
    const file = join(source, '__1_0.distcp');
    let isChanged = false;
    const onProgress = (progress: Progress): void => {
      if (progress.phase !== 'verify' || isChanged) return;
      // All has been looked at; the digests come.
      if (progress.byteCount < progress.byteTotal) return;
      isChanged = true;
      utimesSync(file, 1, 1);
    };
    await rejects(() => verify(source, { sha256: 'write', onProgress }), {
      code: 'file',
      message: /changed/,
    });
    is(isChanged, true);
    is(existsSync(join(source, 'integrity.json')), false);
  });
});

suite('faults: files of the system', ({ test, skip }) => {
  if (!existsSync('/proc/self/environ')) {
    skip('a length of 0 that is not so', 'there is no /proc');
    return;
  }
  test('a file that says that it is empty, and is not, is no clean file', async () => {
    throws(() => FileSource.open('/proc/self/environ'), { code: 'file', message: /another length/ });
    await rejects(() => scan('/proc/self/environ'), { code: 'file', message: /another length/ });
    const root = scratch();
    symlinkSync('/proc/self/environ', join(root, 'model.pkl'));
    const { clean, findings } = await scan(root);
    is(clean, false);
    is(findings[0]?.rule, 'unreadable');
  });

  test('an empty file is one', () => {
    const path = join(scratch(), 'empty');
    writeFileSync(path, '');
    const source = FileSource.open(path);
    is(source.byteLength, 0);
    source.close();
  });
});
