import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unzipSync } from 'fflate';
import { DeviceMesh } from '../../src/checkpoint/mesh.js';
import { parsePlacements } from '../../src/checkpoint/placements.js';
import { dtypeOf } from '../../src/dtype.js';
import { elementTexts, TensorText } from '../../src/ops/element-text.js';
import { type ExtractOptions, extractTensors, extractText, extractToStream } from '../../src/ops/extract.js';
import { fixturePath, golden } from '../fixtures.js';
import { readTree, scratch } from '../io/scratch.js';
import { type ArrayGolden, numpyGoldens } from '../npy/goldens.js';
import { equal, is, rejects, suite } from '../suite.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function streamed(path: string, fqns: string[], options: ExtractOptions = {}): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  await extractToStream(path, fqns, async bytes => void pieces.push(bytes.slice()), options);
  return Buffer.concat(pieces);
}

function optionsOf({ slice, cast, raw_bits: rawBits }: ArrayGolden): ExtractOptions {
  return {
    ...(slice === undefined ? {} : { slice }),
    ...(cast === undefined ? {} : { cast }),
    ...(rawBits === undefined ? {} : { rawBits }),
  };
}

suite('arrays, as numpy saves them', ({ each }) => {
  each(
    numpyGoldens.arrays,
    ({ fixture, fqn, sha256: _, ...rest }) => `${fixture} ${fqn} ${JSON.stringify(rest)}`,
    async row => {
      is(sha256(await streamed(fixturePath(row.fixture), [row.fqn], optionsOf(row))), row.sha256);
    },
  );
});

suite('extract', ({ each, test }) => {
  const path = fixturePath('grid_shards');
  const wholeOf = (fqn: string): Promise<Buffer> => streamed(path, [fqn], { format: 'raw' });
  const ROW = golden('grid_shards').tensors.find(row => row.shape?.length === 2 && row.dtype === 'float32')!;
  const FQN = ROW.path.join('.');
  const [ROWS, COLUMNS] = ROW.shape as [number, number];

  test('to a file: the same bytes as to a stream, and a result that tells of them', async () => {
    const out = join(scratch(), 'a.npy');
    const result = await extractTensors(path, [FQN], out);
    equal(readFileSync(out), await streamed(path, [FQN]));
    equal(result.arrays, [
      {
        fqn: FQN,
        dtype: 'float32',
        writtenAs: 'float32',
        size: [ROWS, COLUMNS],
        byteLength: ROWS * COLUMNS * 4,
      },
    ]);
    equal([result.format, result.byteLength], ['npy', readFileSync(out).length]);
  });

  test('several as .npz: the .npy file of each under its name', async () => {
    const fqns = golden('all_dtypes_dcp').tensors.map(row => row.path.join('.'));
    const wanted = fqns.filter(fqn => !fqn.startsWith('float4'));
    const source = fixturePath('all_dtypes_dcp');
    const archive = unzipSync(await streamed(source, wanted));
    equal(
      Object.keys(archive),
      wanted.map(fqn => `${fqn}.npy`),
    );
    for (const fqn of wanted) equal(Buffer.from(archive[`${fqn}.npy`]!), await streamed(source, [fqn]));
  });

  test('raw: the elements alone', async () => {
    is(sha256(await wholeOf(FQN)), ROW.sha256);
  });

  test('a rank holds its box of rows and columns', async () => {
    const whole = await wholeOf(FQN);
    const mesh = new DeviceMesh([2, 2]);
    const placements = parsePlacements('Shard(0),Shard(1)');
    const half = (size: number): number => Math.ceil(size / 2);
    for (let rank = 0; rank < 4; rank++) {
      const local = await streamed(path, [FQN], { format: 'raw', shard: { mesh, placements, rank } });
      const [firstRow, firstColumn] = [half(ROWS) * (rank >> 1), half(COLUMNS) * (rank & 1)];
      const expected: number[] = [];
      for (let row = firstRow; row < Math.min(ROWS, firstRow + half(ROWS)); row++) {
        for (let column = firstColumn; column < Math.min(COLUMNS, firstColumn + half(COLUMNS)); column++) {
          expected.push(whole.readFloatLE(4 * (row * COLUMNS + column)));
        }
      }
      equal(
        Array.from({ length: local.length / 4 }, (_, i) => local.readFloatLE(4 * i)),
        expected,
      );
    }
  });

  test('a rank of a strided placement holds a piece of every part', async () => {
    const whole = await streamed(fixturePath('tp_fsdp'), [TP_FQN], { format: 'raw' });
    const mesh = new DeviceMesh([2, 2]);
    const placements = parsePlacements('_StridedShard(0, split_factor=2),Shard(0)');
    const parts = await Promise.all(
      [0, 2, 1, 3].map(rank =>
        streamed(fixturePath('tp_fsdp'), [TP_FQN], { format: 'raw', shard: { mesh, placements, rank } }),
      ),
    );
    equal(Buffer.concat(parts), whole);
  });

  test('a rank without rows: an array of none', async () => {
    const shard = { mesh: new DeviceMesh([64]), placements: parsePlacements('Shard(0)'), rank: 63 };
    const out = join(scratch(), 'a.npy');
    const { arrays } = await extractTensors(path, [FQN], out, { shard });
    equal(arrays[0]!.size, [0, COLUMNS]);
  });

  test('a tensor inside an object', async () => {
    const source = fixturePath('tensors_in_objects_dcp');
    const row = golden('tensors_in_objects_dcp').tensors.find(each => each.inside_object === true)!;
    is(sha256(await streamed(source, ['pair![0]'], { format: 'raw' })), row.sha256);
  });

  each(
    [
      ['a name that is not there', ['nothing.like.this'], {}, 'usage', /nothing of this name.*found nothing/],
      ['a name twice', [FQN, FQN], {}, 'usage', /named twice/],
      ['no name', [], {}, 'usage', /No tensor is named/],
      [
        'several into one array',
        [FQN, 'x'],
        { format: 'npy' },
        'usage',
        /Several tensors do not go into one npy/,
      ],
      ['a slice that does not fit', [FQN], { slice: '0,0,0' }, 'usage', /more positions.*\[at /],
      ['no type', [FQN], { cast: 'f33' }, 'usage', /no element type.*found f33/],
      [
        'a type that numpy lacks',
        [FQN],
        { cast: 'bfloat16' },
        'unsupported',
        /numpy has no such element type/,
      ],
    ] as const,
    ([what]) => `refuses ${what}`,
    ([, fqns, options, code, message]) =>
      rejects(() => streamed(path, [...fqns], options), { code, message }),
  );

  test('a mistyped name is answered with the nearest one, a prefix with what is below', async () => {
    const error = await rejects(() => streamed(path, [`${FQN}x`]), { code: 'usage' });
    is(error.hint, `Did you mean ${FQN}?`);
    const model = fixturePath('fsdp2_adam');
    const prefix = golden('fsdp2_adam').tensors[0]!.path[0] as string;
    const below = await rejects(() => streamed(model, [prefix]), { code: 'usage' });
    is(/^\d+ names begin with it: /.test(below.hint ?? ''), true);
  });

  test('an object is no tensor', async () => {
    const source = fixturePath('scalars_dcp');
    const fqn = golden('scalars_dcp').objects[0]!.path.join('.');
    await rejects(() => streamed(source, [fqn]), { code: 'unsupported', message: /is no tensor/ });
  });

  test('after an error nothing is left', async () => {
    const directory = scratch();
    await rejects(() => extractTensors(path, ['x'], join(directory, 'a.npy')), { code: 'usage' });
    equal(readTree(directory), {});
  });

  test('a destination that exists is kept, and replaced by force', async () => {
    const out = join(scratch(), 'a.npy');
    writeFileSync(out, 'mine');
    await rejects(() => extractTensors(path, [FQN], out), { code: 'usage', message: /exists already/ });
    is(readFileSync(out, 'utf8'), 'mine');
    await extractTensors(path, [FQN], out, { force: true });
    equal(readFileSync(out), await streamed(path, [FQN]));
  });
});

const TP_FQN = golden('tp_fsdp')
  .tensors.find(row => row.shape?.[0] !== undefined && row.shape[0] % 4 === 0)!
  .path.join('.');

async function text(path: string, fqns: string[], slice?: string): Promise<string> {
  let all = '';
  await extractText(path, fqns, async piece => void (all += piece), slice === undefined ? {} : { slice });
  return all;
}

suite('values as text', ({ each, test }) => {
  /** Type, bytes, text: the same numbers in Python's `repr`; of float32 in numpy's. */
  each(
    [
      ['float32', 'cdcccc3d0000807f000080ff0000c07f00000080', '0.1 inf -inf nan -0.0'],
      [
        'float32',
        '0000803f2aebb94cd9ccf97effff7f7f01000000',
        '1.0 97474900.0 1.660207e+38 3.4028235e+38 1e-45',
      ],
      ['float64', '9a9999999999b93f000000000000f07f', '0.1 inf'],
      ['float16', '003c662e01000080', '1.0 0.0999755859375 5.960464477539063e-08 -0.0'],
      ['bfloat16', 'cd3d', '0.10009765625'],
      ['float8_e4m3fn', '387f', '1.0 nan'],
      ['complex64', '0000803f000000c0', '(1.0-2.0j)'],
      ['int64', '0000000000000080ffffffffffffff7f', '-9223372036854775808 9223372036854775807'],
      ['uint64', 'ffffffffffffffff', '18446744073709551615'],
      ['int8', 'ff7f', '-1 127'],
      ['bool', '0001', 'False True'],
      ['float4_e2m1fn_x2', '20', '(0.0,1.0)'],
    ] as const,
    ([dtype, hex]) => `${dtype} ${hex}`,
    ([dtype, hex, expected]) => {
      equal(elementTexts(dtypeOf(dtype), Uint8Array.from(Buffer.from(hex, 'hex'))), expected.split(' '));
    },
  );

  each(
    [
      [[], '0\n'],
      [[3], '0\n1\n2\n'],
      [[2, 3], '0 1 2\n3 4 5\n'],
      [[2, 2, 2], '0 1\n2 3\n\n4 5\n6 7\n'],
      [[0, 3], ''],
    ] as const,
    ([shape]) => `lines of shape [${shape.join(', ')}], from pieces that cut elements`,
    ([shape, expected]) => {
      const count = shape.reduce<number>((product, size) => product * size, 1);
      const bytes = new Uint8Array(Int16Array.from({ length: count }, (_, i) => i).buffer);
      const writer = new TensorText(dtypeOf('int16'), shape);
      const pieces = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) =>
        bytes.slice(3 * i, 3 * i + 3),
      );
      is(pieces.map(piece => writer.add(piece)).join(''), expected);
    },
  );

  test('a tensor and an object', async () => {
    const path = fixturePath('scalars_dcp');
    const object = golden('scalars_dcp').objects.find(row => row.type === 'float')!;
    is(await text(path, [object.path.join('.')]), `# ${object.path.join('.')}\n${object.repr}\n`);
  });

  test('rows as lines, every second', async () => {
    const path = fixturePath('grid_shards');
    const lines = (await text(path, [golden('grid_shards').tensors[0]!.path.join('.')], '0:2,0:3')).split(
      '\n',
    );
    is(lines.length, 4);
    is(lines[1]!.split(' ').length, 3);
  });
});
