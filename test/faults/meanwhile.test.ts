/** What happens to sources and destinations while a conversion runs. The conversion is halted for it. */
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { bigSource, interveneIn, startCopying } from './big-source.js';
import { contentsOf, leavesUnchanged } from './contents.js';
import { checkRefusal, convertArguments, type Refusal, refuses, sideBySide } from './run-dcp.js';

/** Gives a file other bytes of the same length and its old time back. */
function overwriteQuietly(path: string): void {
  const { atime, mtime, size } = statSync(path);
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.alloc(64, 0x55), 0, 64, size >> 1);
  closeSync(fd);
  utimesSync(path, atime, mtime);
}

interface Change {
  what: string;
  change(path: string): void;
  refusal: Refusal;
}

const changed = (how: RegExp): Refusal => ({
  code: 'file',
  message: new RegExp(`^The source changed while it was read: ${how.source}`),
  hint: /try again/,
});

const changes: Change[] = [
  {
    what: 'another modification time',
    change: path => utimesSync(path, 1, 1),
    refusal: changed(/its modification time differs \(expected \d+ bytes of .*Z, found \d+ bytes of 1970/),
  },
  {
    what: 'a longer file',
    change: path => appendFileSync(path, 'x'),
    refusal: changed(/its size differs, its modification time differs/),
  },
  {
    what: 'another file under its name',
    change: path => {
      copyFileSync(path, `${path}.new`);
      const { atime, mtime } = statSync(path);
      utimesSync(`${path}.new`, atime, mtime);
      renameSync(`${path}.new`, path);
    },
    refusal: changed(/another file has its name/),
  },
  {
    what: 'a file that vanished',
    change: path => renameSync(path, `${path}.gone`),
    refusal: { code: 'file', message: /it is gone|no such file/ },
  },
  {
    what: 'a file cut off',
    change: path => truncateSync(path, 1 << 20),
    refusal: { code: 'file', message: /ends too early|its size differs/ },
  },
];

suite('faults: a source that changes during the conversion', ({ each, test }) => {
  each(
    changes,
    ({ what }) => `torch.save file: ${what}`,
    sideBySide(changes, async ({ change, refusal }) => {
      const root = scratch({ inMemory: true });
      const source = join(root, 'model.pth');
      copyFileSync((await bigSource()).torchFile, source);
      const ending = await interveneIn(
        [...convertArguments('torch_to_dcp', source, join(root, 'out')), '--json'],
        () => change(source),
      );
      checkRefusal(ending, refusal);
      const others = Object.keys(contentsOf(root)).filter(name => !name.startsWith('model.pth'));
      equal(others, []);
    }),
  );

  const partsOfDirectory = ['.metadata', '__0_0.distcp'];
  each(
    partsOfDirectory,
    name => `DCP directory: ${name}`,
    sideBySide(partsOfDirectory, async name => {
      const root = scratch({ inMemory: true });
      const source = join(scratch({ inMemory: true }), 'ckpt');
      cpSync((await bigSource()).directory, source, { recursive: true });
      const ending = await interveneIn(
        [...convertArguments('dcp_to_torch', source, join(root, 'out.pth')), '--json'],
        () => utimesSync(join(source, name), 1, 1),
      );
      const error = checkRefusal(ending, changed(/its modification time differs/));
      is(error.path, join(source, name));
      equal(contentsOf(root), {});
    }),
  );

  test('bytes changed behind its back are found by their checksum', async () => {
    const root = scratch({ inMemory: true });
    const source = join(root, 'model.pth');
    copyFileSync((await bigSource()).torchFile, source);
    overwriteQuietly(source);
    await leavesUnchanged(root, () =>
      refuses(convertArguments('torch_to_dcp', source, join(root, 'out')), {
        code: 'corrupt',
        message: /CRC-32/,
        fqn: /^layer\d+\.weight$/,
      }),
    );
  });
});

suite('faults: destinations that change meanwhile', ({ test }) => {
  test('a file that appears is not replaced', async () => {
    const root = scratch({ inMemory: true });
    const path = join(root, 'out.pth');
    const ending = await interveneIn(
      [...convertArguments('dcp_to_torch', (await bigSource()).directory, path), '--json'],
      () => writeFileSync(path, 'mine'),
    );
    checkRefusal(ending, { code: 'usage', message: /appeared while it was being made/, path });
    is(readFileSync(path, 'utf8'), 'mine');
    equal(Object.keys(contentsOf(root)), ['out.pth']);
  });

  test('a directory that appears is neither replaced nor filled', async () => {
    const root = scratch({ inMemory: true });
    const path = join(root, 'out');
    const ending = await interveneIn(
      [...convertArguments('torch_to_dcp', (await bigSource()).torchFile, path), '--json'],
      () => {
        mkdirSync(path);
        writeFileSync(join(path, 'mine'), 'mine');
      },
    );
    checkRefusal(ending, { code: 'usage', message: /appeared while it was being made/ });
    equal(Object.keys(contentsOf(root)), ['out', 'out/mine']);
  });

  test('a second conversion to the same name is refused while the first one runs', async () => {
    const root = scratch({ inMemory: true });
    const path = join(root, 'out.pth');
    const run = startCopying(convertArguments('dcp_to_torch', (await bigSource()).directory, path));
    run.process.kill('SIGSTOP');
    await refuses(convertArguments('dcp_to_torch', fixturePath('grid_shards'), path, '--force'), {
      code: 'usage',
      message: /^Another conversion is making this output/,
      found: new RegExp(`^process ${run.process.pid} on `),
      hint: /Wait for it, or end it/,
    });
    run.process.kill('SIGCONT');
    is((await run.ended).exitCode, 0);
    equal(Object.keys(contentsOf(root)), ['out.pth']);
  });
});
