/** Conversions that end in the middle and are gone on with: what is believed, what is done again, what is refused. */
import {
  appendFileSync,
  chmodSync,
  closeSync,
  cpSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { type CheckpointFormat, type ConvertOptions, convert } from '../../src/index.js';
import { fixturePath } from '../fixtures.js';
import { bury } from '../io/bury.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, rejects, suite } from '../suite.js';
import { bigSource, startCopying, temporariesOf, waitHere } from './big-source.js';
import { checksum, contentsOf } from './contents.js';
import { convertArguments, refuses, runDcp, succeeds } from './run-dcp.js';

const MIB = 2 ** 20;

/** A copy of a source, and what is made of it. */
interface Place {
  root: string;
  source: string;
  destination: string;
  from: CheckpointFormat;
  to: CheckpointFormat;
}

async function place(to: 'torch' | 'dcp'): Promise<Place> {
  const root = scratch({ inMemory: true });
  const { torchFile, directory } = await bigSource();
  const source = join(scratch({ inMemory: true }), 'source');
  cpSync(to === 'torch' ? directory : torchFile, source, { recursive: true });
  const destination = join(root, to === 'torch' ? 'out.pth' : 'out');
  return { root, source, destination, from: to === 'torch' ? 'dcp' : 'torch', to };
}

/** Ends when so many bytes are done, and leaves them. */
async function stopAfter(
  { source, destination, from, to }: Place,
  byteLength: number,
  options: ConvertOptions = {},
): Promise<void> {
  const controller = new AbortController();
  const error = await rejects(
    () =>
      convert(source, destination, {
        from,
        to,
        resume: true,
        workers: 0,
        ...options,
        signal: controller.signal,
        onProgress: progress => {
          if (progress.phase === 'copy' && (progress.byteCount ?? 0) >= byteLength) controller.abort();
        },
      }),
    { code: 'interrupted' },
  );
  match(error.hint ?? '', /^\d+ of 58720256 bytes are done and kept .*--resume finishes it\.$/);
}

const resumed = ({ source, destination, from, to }: Place, options: ConvertOptions = {}) =>
  convert(source, destination, { from, to, resume: true, ...options });

/** The temporary file or directory, and the journal. */
function leftBy({ root, destination }: Place): { path: string; journal: string } {
  const names = temporariesOf(destination);
  const name = names.find(each => !each.endsWith('.journal'))!;
  const isInside = name.startsWith('.dcp-tmp-');
  const path = join(isInside ? destination : root, name);
  return statSync(path).isDirectory()
    ? { path, journal: join(path, '.dcp-journal') }
    : { path, journal: `${path}.journal` };
}

async function wholeChecksum(to: 'torch' | 'dcp'): Promise<string> {
  const fresh = await place(to);
  await convert(fresh.source, fresh.destination, { from: fresh.from, to });
  return checksum(to === 'torch' ? fresh.destination : join(fresh.destination, '__0_0.distcp'));
}

function overwrite(path: string, byteOffset: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, byteOffset);
  closeSync(fd);
}

suite('faults: --resume', ({ test, each }) => {
  each(
    ['torch', 'dcp'] as const,
    to => `${to}: what is done is kept, and only the rest copied`,
    async to => {
      const here = await place(to);
      await stopAfter(here, 32 * MIB);
      is(temporariesOf(here.destination).length, to === 'torch' ? 2 : 1);
      const { resumedByteLength, leftBehind, warnings } = await resumed(here);
      is(resumedByteLength, 32 * MIB);
      equal({ leftBehind, warnings }, { leftBehind: [], warnings: [] });
      const data = to === 'torch' ? here.destination : join(here.destination, '__0_0.distcp');
      is(checksum(data), await wholeChecksum(to));
      equal(temporariesOf(here.destination), []);
    },
  );

  test('several endings, and threads', async () => {
    const here = await place('torch');
    for (const done of [16, 32, 48]) await stopAfter(here, done * MIB);
    const { resumedByteLength } = await resumed(here, { workers: 2 });
    is(resumedByteLength, 48 * MIB);
    is(checksum(here.destination), await wholeChecksum('torch'));
  });

  test('into a directory that exists, over an old checkpoint', async () => {
    const here = await place('dcp');
    cpSync(fixturePath('uneven_shards'), here.destination, { recursive: true });
    writeFileSync(join(here.destination, 'notes.txt'), 'foreign');
    const before = readFileSync(join(here.destination, '.metadata'));
    await stopAfter(here, 32 * MIB, { force: true });
    equal(readFileSync(join(here.destination, '.metadata')), before);
    is((await resumed(here, { force: true })).resumedByteLength, 32 * MIB);
    equal(Object.keys(contentsOf(here.destination)), ['.metadata', '__0_0.distcp', 'notes.txt']);
    is(checksum(join(here.destination, '__0_0.distcp')), await wholeChecksum('dcp'));
  });

  const damages: [what: string, damage: (left: { path: string; journal: string }) => void, kept: number][] = [
    ['a byte of a finished tile is another', ({ path }) => overwrite(path, 20 * MIB, Buffer.from([1])), 16],
    [
      'a finished tile is zeros, as after a power cut',
      ({ path }) => overwrite(path, MIB, Buffer.alloc(20 * MIB)),
      0,
    ],
    ['the file was cut off', ({ path }) => truncateSync(path, 20 * MIB), 16],
    [
      'the last line of the journal is torn',
      ({ journal }) => truncateSync(journal, statSync(journal).size - 5),
      16,
    ],
    [
      'bytes of something else follow in the journal',
      ({ journal }) => appendFileSync(journal, Buffer.alloc(100, 0xff)),
      32,
    ],
    [
      'a line of the journal is damaged: those behind it say nothing',
      ({ journal }) => {
        const bytes = readFileSync(journal);
        overwrite(journal, bytes.indexOf(0x0a) + 10, Buffer.from('9'));
      },
      0,
    ],
    ['the journal is gone', ({ journal }) => truncateSync(journal, 0), 0],
    [
      'the temporary is a link to another file',
      ({ path }) => {
        renameSync(path, `${path}.moved`);
        symlinkSync(`${path}.moved`, path);
      },
      0,
    ],
  ];
  each(
    damages,
    ([what]) => `proved, not believed: ${what}`,
    async ([, damage, kept]) => {
      const here = await place('torch');
      await stopAfter(here, 32 * MIB);
      damage(leftBy(here));
      const { resumedByteLength } = await resumed(here);
      is(resumedByteLength, kept * MIB);
      is(checksum(here.destination), await wholeChecksum('torch'));
    },
  );

  const mismatches: [
    what: string,
    change: (here: Place) => void,
    options: ConvertOptions,
    message: RegExp,
  ][] = [
    [
      'the source was written to',
      ({ source }) => utimesSync(join(source, '.metadata'), 1, 1),
      {},
      /^The source has changed since the unfinished conversion was begun: its modification time \[in .*\.metadata/,
    ],
    [
      'another file has the name of the source',
      ({ source }) => {
        const path = join(source, '__0_0.distcp');
        const { atime, mtime } = statSync(path);
        cpSync(path, `${path}.new`);
        utimesSync(`${path}.new`, atime, mtime);
        renameSync(`${path}.new`, path);
      },
      {},
      /the file behind its name/,
    ],
    [
      'it is another source',
      here => {
        cpSync(here.source, `${here.source}2`, { recursive: true });
        here.source = `${here.source}2`;
      },
      {},
      /is of another source \(expected .*source2, found .*source\)/,
    ],
    ['other options', () => {}, { dtype: ['fp16'] }, /begun with other options, or by another release/],
  ];
  each(
    mismatches,
    ([what]) => `refused by name: ${what}`,
    async ([, change, options, message]) => {
      const here = await place('torch');
      await stopAfter(here, 16 * MIB);
      change(here);
      const error = await rejects(() => resumed(here, options), { code: 'usage', message });
      is(error.hint, 'Without --resume, --force removes it and starts again.');
      is(temporariesOf(here.destination).length, 2);
      const { from, to, source, destination } = here;
      const { warnings } = await convert(source, destination, { from, to, force: true, ...options });
      match(
        warnings.at(-1)?.message ?? '',
        /^An unfinished conversion was removed \(16777216 of 58720256 bytes/,
      );
      equal(temporariesOf(here.destination), []);
    },
  );

  test('what another boot or machine has left is taken over', async () => {
    const here = await place('torch');
    await stopAfter(here, 16 * MIB);
    bury(here.root, '01234567');
    const { from, to, source, destination } = here;
    await rejects(() => convert(source, destination, { from, to }), {
      code: 'usage',
      message: /An unfinished conversion .*done by process \d+ on \S+, which cannot be looked up here/,
    });
    is((await resumed(here)).resumedByteLength, 16 * MIB);
    equal(temporariesOf(destination), []);
  });

  test('not safe to go on with: others may write to it, or have a name for it', async () => {
    for (const change of [
      (path: string) => chmodSync(path, 0o777),
      (path: string) => linkSync(path, `${path}.mine`),
    ]) {
      const here = await place('torch');
      await stopAfter(here, 16 * MIB);
      change(leftBy(here).path);
      const error = await rejects(() => resumed(here), { code: 'usage', message: /not safe to go on with/ });
      is(error.hint, 'Without --resume, --force removes it and starts again.');
    }
  });

  test('without checksums nothing could be proved', async () => {
    const here = await place('torch');
    await rejects(() => resumed(here, { crc: false }), { code: 'usage', message: /needs checksums/ });
  });
});

suite('faults: --resume, the program', ({ test }) => {
  /** Starts a conversion and signals when its journal says that a tile is done. */
  const endInTheMiddle = async (signal: NodeJS.Signals, args: readonly string[]) => {
    const run = startCopying(args);
    const started = performance.now();
    for (;;) {
      const journal = temporariesOf(args[3]!).find(name => name.endsWith('.journal'));
      const size = journal === undefined ? 0 : statSync(join(args[3]!, '..', journal)).size;
      if (size > 500 || performance.now() - started > 20_000) break;
      waitHere(1);
    }
    run.process.kill(signal);
    return run.ended;
  };

  test('after kill -9 the next run names what it found, and --resume finishes it', async () => {
    const here = await place('torch');
    const args = [...convertArguments('dcp_to_torch', here.source, here.destination), '--workers', '0'];
    await endInTheMiddle('SIGKILL', args);
    await refuses(args, {
      code: 'usage',
      message: /^An unfinished conversion to this destination was found/,
      found: /^\d+ of 58720256 bytes done by process \d+ on \S+, which has ended$/,
      hint: '--resume finishes it, --force starts again.',
      path: here.destination,
    });
    const document = await succeeds([...args, '--resume']);
    ok((document.resumed_byte_length as number) >= 16 * MIB, JSON.stringify(document));
    is(checksum(here.destination), await wholeChecksum('torch'));
    equal(temporariesOf(here.destination), []);
  });

  test('a signal with --resume: what is done stays, and that is said', async () => {
    const here = await place('torch');
    const args = convertArguments(
      'dcp_to_torch',
      here.source,
      here.destination,
      '--resume',
      '--workers',
      '0',
    );
    const { exitCode, stderr } = await endInTheMiddle('SIGTERM', args);
    is(exitCode, 143, stderr);
    match(stderr, /^dcp: Interrupted\nhint: \d+ of 58720256 bytes are done and kept beside the destination/m);
    is(temporariesOf(here.destination).length, 2);
    const { exitCode: again, stdout } = await runDcp(args);
    is(again, 0);
    match(stdout, /^ +resumed +\d\d\.\d MiB \([\d,]+ bytes\) were there, proved by checksums$/m);
  });

  test('two that begin at a time: never both, and the one that is refused is told why', async () => {
    for (const to of ['torch', 'dcp'] as const) {
      const here = await place(to);
      const mode = to === 'torch' ? 'dcp_to_torch' : 'torch_to_dcp';
      const args = convertArguments(mode, here.source, here.destination);
      const endings = await Promise.all([runDcp(args), runDcp(args), runDcp(args)]);
      const done = endings.filter(({ exitCode }) => exitCode === 0);
      ok(done.length <= 1, endings.map(({ stderr }) => stderr).join());
      for (const { exitCode, stderr } of endings) {
        if (exitCode === 0) continue;
        is(exitCode, 2);
        match(
          stderr,
          /Another conversion is making this output \(found process \d+|exists already|appeared while/,
        );
      }
      equal(temporariesOf(here.destination), []);
      is(Object.keys(contentsOf(here.root)).length > 0, done.length === 1);
    }
  });
});
