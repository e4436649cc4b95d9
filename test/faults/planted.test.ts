/** What others have put where a conversion writes or reads: links, pipes, temporaries of made-up names. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryName } from '../../src/io/temporary-name.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { bury } from '../io/bury.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { contentsOf, leavesUnchanged } from './contents.js';
import { BINARY, convertArguments, convertHere, refuses, succeeds } from './run-dcp.js';

const FILE = fixturePath('small_transformer');
const DIRECTORY = fixturePath('uneven_shards');

/** A directory of somebody else, with files that must stay. */
function somebodys(root: string): string {
  const path = join(root, 'precious');
  mkdirSync(path);
  for (const name of ['thesis.tex', '.metadata', '.dcp-journal']) writeFileSync(join(path, name), 'precious');
  return path;
}

interface Plant {
  what: string;
  /** Plants something; the destination is `out` (a directory) or `out.pth`. */
  plant(root: string, precious: string): void;
}

const plants: Plant[] = [
  {
    what: 'a link to a directory, as a temporary beside the destination',
    plant: (root, precious) => symlinkSync(precious, join(root, temporaryName('out'))),
  },
  {
    what: 'a link to a directory, as a temporary inside it',
    plant: (root, precious) => {
      mkdirSync(join(root, 'out'));
      symlinkSync(precious, join(root, 'out', temporaryName()));
    },
  },
  {
    what: 'a temporary in which what was moved aside is a link',
    plant: (root, precious) => {
      const inside = join(root, 'out', temporaryName());
      mkdirSync(inside, { recursive: true });
      symlinkSync(precious, join(inside, '.dcp-aside'));
    },
  },
  {
    what: 'a temporary whose journal is a link',
    plant: (root, precious) => {
      const beside = join(root, temporaryName('out'));
      mkdirSync(beside);
      symlinkSync(join(precious, '.dcp-journal'), join(beside, '.dcp-journal'));
    },
  },
  {
    what: 'a link to a file, as the temporary of a file',
    plant: (root, precious) =>
      symlinkSync(join(precious, 'thesis.tex'), join(root, temporaryName('out.pth'))),
  },
];

suite('faults: planted temporaries', ({ each }) => {
  each(
    plants,
    ({ what }) => what,
    async ({ plant }) => {
      const root = scratch({ inMemory: true });
      const precious = somebodys(scratch({ inMemory: true }));
      plant(root, precious);
      bury(root);
      const before = contentsOf(precious);
      await convertHere(convertArguments('torch_to_dcp', FILE, join(root, 'out'), '--force'));
      await convertHere(convertArguments('dcp_to_torch', DIRECTORY, join(root, 'out.pth'), '--force'));
      equal(contentsOf(precious), before);
    },
  );
});

suite('faults: where nothing may be written or read', ({ test, skip }) => {
  test('a pipe in the place of an index: refused, not waited for', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('uneven_shards', root);
    rmSync(join(source, '.metadata'));
    execFileSync('mkfifo', [join(source, '.metadata')]);
    await refuses(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), { code: 'file' });
    is('out.pth' in contentsOf(root), false);
  });

  test('a pipe in the place of a data file', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('uneven_shards', root);
    rmSync(join(source, '__0_0.distcp'));
    execFileSync('mkfifo', [join(source, '__0_0.distcp')]);
    await refuses(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), { code: 'file' });
  });

  if (process.getuid?.() !== 0) {
    skip('a directory of another user', 'needs root, to become nobody');
    return;
  }
  const nobody = { uid: 65534, gid: 65534 };
  if (spawnSync(process.execPath, [BINARY, '--version'], nobody).status !== 0) {
    skip('a directory of another user', 'nobody may not read this repository');
    return;
  }

  test('a destination that this user may not write to: said before anything is read, nothing changes', async () => {
    const root = scratch({ inMemory: true });
    chmodSync(root, 0o755);
    cpSync(DIRECTORY, join(root, 'out'), { recursive: true });
    writeFileSync(join(root, 'out.pth'), 'old');
    await leavesUnchanged(root, async () => {
      for (const args of [
        convertArguments('dcp_to_torch', DIRECTORY, join(root, 'new.pth')),
        convertArguments('dcp_to_torch', DIRECTORY, join(root, 'out.pth'), '--force'),
        convertArguments('torch_to_dcp', FILE, join(root, 'new/ckpt')),
        convertArguments('torch_to_dcp', FILE, join(root, 'out'), '--force'),
      ]) {
        await refuses(args, { code: 'file', message: /permission denied/, path: new RegExp(root) }, nobody);
      }
    });
  });

  test('a dead run of another user in a common temporary area keeps nobody from work', async () => {
    const area = scratch({ inMemory: true });
    const root = scratch({ inMemory: true });
    chmodSync(area, 0o1777);
    chmodSync(root, 0o777);
    const theirs = join(area, temporaryName('spool'));
    mkdirSync(theirs);
    writeFileSync(join(theirs, 'inflated'), 'x');
    bury(area);
    const before = contentsOf(area);
    const args = convertArguments('torch_to_dcp', fixturePath('rezipped_deflated'), join(root, 'out'));
    await succeeds(args, { ...nobody, env: { ...process.env, TMPDIR: area } });
    equal(contentsOf(area), before);
  });
});
