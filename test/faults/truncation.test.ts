/** Source files cut off: at every place the conversion fails, and nothing is written. */
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DcpError, dcpToTorchSave, torchSaveToDcp } from '../../src/index.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, fail, ok, suite } from '../suite.js';
import { leavesUnchanged } from './contents.js';
import { convertArguments, inParallel, type Refusal, refuses, sideBySide } from './run-dcp.js';

/** Where records, items and directories begin or end: every signature of a zip file, and a byte to either side. */
function boundaries(bytes: Buffer): number[] {
  const found = new Set<number>();
  const signature = Buffer.from('PK');
  for (let at = bytes.indexOf(signature); at >= 0; at = bytes.indexOf(signature, at + 1)) {
    for (const near of [at - 1, at, at + 1, at + 2, at + 4, at + 5]) found.add(near);
  }
  return [...found];
}

function cutsOf(bytes: Buffer, random: Random, count: number): number[] {
  const chosen = new Set([
    0,
    1,
    2,
    3,
    bytes.length - 1,
    bytes.length - 2,
    bytes.length - 22,
    bytes.length - 23,
  ]);
  const edges = random.shuffle(boundaries(bytes)).slice(0, count);
  for (const cut of edges) chosen.add(cut);
  for (let i = 0; i < count; i++) chosen.add(random.int(0, bytes.length - 1));
  return [...chosen].filter(cut => cut >= 0 && cut < bytes.length).sort((a, b) => a - b);
}

/** The conversion in this process must end in an error of ours that is about the input. */
async function refusesInProcess(convert: () => Promise<unknown>, where: string): Promise<void> {
  try {
    await convert();
  } catch (error) {
    ok(error instanceof DcpError, `${where}: ${error instanceof Error ? error.stack : String(error)}`);
    ok(['format', 'corrupt', 'file', 'unsupported'].includes(error.code), `${where}: ${error.code}`);
    ok(error.context.path !== undefined, `${where}: no path in ${error.message}`);
    return;
  }
  fail(`${where}: converted`);
}

/** Cuts the file at each place, the last one first, and gives it its bytes back at the end. */
async function forEachCut(
  path: string,
  cuts: readonly number[],
  action: (cut: number) => Promise<void>,
): Promise<void> {
  const bytes = readFileSync(path);
  for (const cut of [...cuts].reverse()) {
    truncateSync(path, cut);
    await action(cut);
  }
  writeFileSync(path, bytes);
}

const DIRECTORIES: [name: string, torch: string, cutsPerFile: number][] = [
  ['column_shards', '2.13.0', 40],
  ['fsdp2_adam', '2.13.0', 25],
  ['python_objects_dcp', '2.13.0', 40],
  ['file_per_item', '2.6.0', 8],
];

const FILES: [name: string, torch: string, cuts: number][] = [
  ['small_transformer', '2.13.0', 150],
  ['tensors_in_objects', '2.13.0', 100],
  ['rezipped_deflated', '2.13.0', 100],
  ['crc_off', '2.13.0', 100],
  ['train_state', '2.6.0', 100],
];

suite('faults: truncated sources, at many places', ({ each }) => {
  each(
    DIRECTORIES,
    ([name, torch]) => `${name} of torch ${torch}`,
    async ([name, torch, count]) => {
      const root = scratch({ inMemory: true });
      const source = copyFixture(name, root, torch);
      const random = new Random(1);
      const output = join(root, 'out.pth');
      for (const file of readdirSync(source)) {
        const path = join(source, file);
        await forEachCut(path, cutsOf(readFileSync(path), random, count), cut =>
          refusesInProcess(() => dcpToTorchSave(source, output), `${file} cut at ${cut}`),
        );
      }
      equal(readdirSync(root), [name]);
      await dcpToTorchSave(source, output);
    },
  );

  each(
    FILES,
    ([name, torch]) => `${name} of torch ${torch}`,
    async ([name, torch, count]) => {
      const root = scratch({ inMemory: true });
      const source = copyFixture(name, root, torch);
      const before = readdirSync(root);
      const output = join(root, 'out');
      await forEachCut(source, cutsOf(readFileSync(source), new Random(2), count), cut =>
        refusesInProcess(() => torchSaveToDcp(source, output), `cut at ${cut}`),
      );
      equal(readdirSync(root), before);
      await torchSaveToDcp(source, output);
    },
  );
});

const PROGRAM_ROWS: [what: string, file: string, cut: (byteLength: number) => number, refusal: Refusal][] = [
  [
    'the index, in the middle',
    '.metadata',
    n => n >> 1,
    { code: 'format', message: /The pickle ends/, path: /ckpt\/fsdp2_adam\/\.metadata$/ },
  ],
  [
    'the index, to nothing',
    '.metadata',
    () => 0,
    { code: 'format', message: /^The index is not a pickle/, found: 'an empty file', path: /\.metadata$/ },
  ],
  [
    'a data file, by one byte',
    '__2_0.distcp',
    n => n - 1,
    {
      code: 'corrupt',
      message: /The file is shorter than the index says: it was cut off, or not written to its end/,
      expected: /^\d+ bytes at least$/,
      found: /^\d+ bytes$/,
      path: /__2_0\.distcp$/,
    },
  ],
  [
    'a data file, in the middle',
    '__1_0.distcp',
    n => n >> 1,
    { code: 'corrupt', message: /shorter than the index says/, path: /__1_0\.distcp$/ },
  ],
];

suite('faults: truncated sources, the command line', ({ each, test }) => {
  each(
    PROGRAM_ROWS,
    ([what]) => what,
    sideBySide(PROGRAM_ROWS, async ([, file, cut, refusal]) => {
      const root = scratch({ inMemory: true });
      const source = copyFixture('fsdp2_adam', join(root, 'ckpt'));
      const path = join(source, file);
      truncateSync(path, cut(statSync(path).size));
      await leavesUnchanged(root, () =>
        refuses(convertArguments('dcp_to_torch', source, join(root, 'out.pth')), refusal),
      );
    }),
  );

  test('a torch.save file, at four places, with and without --no-crc', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('small_transformer', root);
    const bytes = readFileSync(source);
    const cuts: [byteLength: number, message: RegExp][] = [
      [0, /no checkpoint .*found an empty file/],
      [10, /cut short/],
      [bytes.length >> 1, /cut short/],
      [bytes.length - 1, /cut short/],
    ];
    const pathOf = (cut: number): string => join(root, `cut-${cut}.pth`);
    for (const [cut] of cuts) writeFileSync(pathOf(cut), bytes.subarray(0, cut));
    await leavesUnchanged(root, () =>
      inParallel(cuts, async ([cut, message]) => {
        const options = cut % 2 === 0 ? ['--no-crc'] : [];
        await refuses(convertArguments('torch_to_dcp', pathOf(cut), join(root, `out-${cut}`), ...options), {
          code: 'format',
          path: pathOf(cut),
          message,
        });
      }),
    );
  });
});
