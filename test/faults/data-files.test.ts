/** Data files that are missing, empty, not files, or not those that the index was written with. */
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { checksum, leavesUnchanged } from './contents.js';
import {
  convertArguments,
  convertHere,
  type Refusal,
  refuses,
  refusesHere,
  runDcp,
  sideBySide,
  succeeds,
} from './run-dcp.js';

const CASE = 'fsdp2_adam';

interface Row {
  what: string;
  harm(source: string): void;
  refusal: Refusal;
}

const rows: Row[] = [
  {
    what: 'one is missing',
    harm: source => rmSync(join(source, '__2_0.distcp')),
    refusal: {
      code: 'file',
      message: /^Data files of the checkpoint are missing/,
      expected: '4 files',
      found: '3; missing: __2_0.distcp',
      hint: /written by rank 2: look on the nodes/,
      path: /fsdp2_adam$/,
    },
  },
  {
    what: 'all are missing',
    harm: source => {
      for (const rank of [0, 1, 2, 3]) rmSync(join(source, `__${rank}_0.distcp`));
    },
    refusal: { code: 'file', found: /^0; missing: __\d_0\.distcp, /, hint: /rank \d, \d, \d, \d:/ },
  },
  {
    what: 'one is empty',
    harm: source => truncateSync(join(source, '__1_0.distcp'), 0),
    refusal: {
      code: 'corrupt',
      message: /shorter than the index says/,
      found: '0 bytes',
      path: /__1_0\.distcp$/,
    },
  },
  {
    what: 'two are empty',
    harm: source => {
      for (const rank of [0, 3]) truncateSync(join(source, `__${rank}_0.distcp`), 0);
    },
    refusal: { code: 'corrupt', found: /^0 bytes; 1 more of 4 files are short$/ },
  },
  {
    what: 'a directory has the name of one',
    harm: source => {
      rmSync(join(source, '__0_0.distcp'));
      mkdirSync(join(source, '__0_0.distcp'));
    },
    refusal: { code: 'file', found: '3; missing: __0_0.distcp (a directory)' },
  },
  {
    what: 'a link to one leads nowhere',
    harm: source => {
      rmSync(join(source, '__0_0.distcp'));
      symlinkSync('gone.distcp', join(source, '__0_0.distcp'));
    },
    refusal: { code: 'file', found: '3; missing: __0_0.distcp' },
  },
  {
    what: 'one holds zeros, as after a power cut',
    harm: source => {
      const path = join(source, '__3_0.distcp');
      writeFileSync(path, new Uint8Array(readFileSync(path).length));
    },
    refusal: { code: 'format', message: /no end record/, path: /__3_0\.distcp$/ },
  },
];

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = ['one is missing', 'one is empty', 'a directory has the name of one'];

suite('faults: data files', ({ each, test }) => {
  each(
    rows,
    ({ what }) => what,
    sideBySide(rows, async ({ what, harm, refusal }) => {
      const root = scratch({ inMemory: true });
      const source = copyFixture(CASE, root);
      harm(source);
      const refuse = BY_PROGRAM.includes(what) ? refuses : refusesHere;
      await leavesUnchanged(root, () =>
        refuse(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), refusal),
      );
    }),
  );

  test('an empty file of a rank that had nothing to save, and a file that no index names, do no harm', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture(CASE, root);
    const outputs = [join(root, 'a', 'out.pth'), join(root, 'b', 'out.pth')] as const;
    for (const name of ['a', 'b']) mkdirSync(join(root, name));
    await convertHere(convertArguments('dcp_to_torch', source, outputs[0]));
    writeFileSync(join(source, '__4_0.distcp'), '');
    copyFileSync(join(source, '__0_0.distcp'), join(source, '__77_0.distcp'));
    await succeeds(convertArguments('dcp_to_torch', source, outputs[1]));
    is(checksum(outputs[1]), checksum(outputs[0]));
  });

  test('links to data files elsewhere are followed', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture(CASE, root);
    mkdirSync(join(root, 'node1'));
    renameSync(join(source, '__1_0.distcp'), join(root, 'node1', 'part'));
    symlinkSync('../node1/part', join(source, '__1_0.distcp'));
    const { tensors } = await convertHere(convertArguments('dcp_to_torch', source, join(root, 'out.pth')));
    is(tensors, 16);
  });

  test('inspect tells which are missing', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture(CASE, root);
    rmSync(join(source, '__2_0.distcp'));
    const { completeness } = await succeeds(['inspect', source]);
    is(completeness, 'files_missing');
    const { exitCode, stdout } = await runDcp(['inspect', source]);
    is(exitCode, 0);
    equal(/^complete +(.*)$/m.exec(stdout)?.[1], 'NO: 1 of 4 files of 4 ranks missing: __2_0.distcp');
  });

  test('inspect tells which are short', async () => {
    const source = copyFixture(CASE, scratch({ inMemory: true }));
    const path = join(source, '__1_0.distcp');
    const { size } = statSync(path);
    truncateSync(path, size - 1);
    const { completeness, files, loads_with_weights_only } = await succeeds(['inspect', source]);
    equal([completeness, loads_with_weights_only], ['files_short', null]);
    const [found] = (files as { byte_length: number; required_byte_length?: number }[]).filter(
      file => file.required_byte_length !== undefined,
    );
    equal([found?.byte_length, found?.required_byte_length], [size - 1, size]);
  });
});
