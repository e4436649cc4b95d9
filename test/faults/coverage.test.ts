/** Indexes whose chunks do not tile their tensors, or do not fit the items they name. */
import { join } from 'node:path';
import { PyGlobal, PyObject, PyTuple } from '../../src/pickle/values.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { checksum, contentsOf } from './contents.js';
import { editIndex, fieldOf, type IndexEditor, setField, sizesOf, torchSize } from './craft.js';
import { refusesEditedIndex } from './edited-index.js';
import { convertArguments, convertHere, type Refusal, sideBySide, succeeds } from './run-dcp.js';

/** Shape [9, 4] over four ranks: rows 0 to 3, 3 to 6, 6 to 9, and none. */
const FQN = 'model.rows.weight';

/** Moves a chunk, in the list of chunks and in the key of its place. */
function moveChunk(index: IndexEditor, position: number, offsets: number[]): void {
  const chunk = index.chunks(FQN).items[position] as PyObject;
  const before = sizesOf(chunk, 'offsets');
  setField(chunk, 'offsets', torchSize(offsets));
  for (const key of index.storageData.keys()) {
    const place = key as PyObject;
    if (fieldOf(place, 'fqn') !== undefined && isPlaceOf(place, before))
      setField(place, 'offset', torchSize(offsets));
  }
}

function isPlaceOf(place: PyObject, offsets: readonly number[]): boolean {
  return textOf(place) === FQN && sizesOf(place, 'offset').join() === offsets.join();
}

function textOf(place: PyObject): string {
  const fqn = fieldOf(place, 'fqn') as string | { text: string };
  return typeof fqn === 'string' ? fqn : fqn.text;
}

const rows: { what: string; edit(index: IndexEditor): void; refusal: Refusal }[] = [
  {
    what: 'a chunk is missing: a hole',
    edit: index => void index.chunks(FQN).items.splice(1, 1),
    refusal: {
      code: 'corrupt',
      message: /^A part of the tensor is stored nowhere/,
      expected: '36 elements of shape [9, 4]',
      found: '24 elements; the first gap is [3:6, 0:4]',
      fqn: FQN,
    },
  },
  {
    what: 'all chunks are missing',
    edit: index => void index.chunks(FQN).items.splice(0),
    refusal: { code: 'corrupt', found: '0 elements; the first gap is [0:9, 0:4]', fqn: FQN },
  },
  {
    what: 'the tensor is larger than its chunks',
    edit: index => setField(index.tensor(FQN), 'size', torchSize([10, 4])),
    refusal: { code: 'corrupt', found: '36 elements; the first gap is [9:10, 0:4]', fqn: FQN },
  },
  {
    what: 'two chunks overlap',
    edit: index => moveChunk(index, 1, [2, 0]),
    refusal: {
      code: 'corrupt',
      message: /^Two chunks of the tensor overlap/,
      expected: 'every element in one chunk',
      found: '[0:3, 0:4] and [2:5, 0:4]',
      fqn: FQN,
    },
  },
  {
    what: 'a chunk reaches out of the tensor',
    edit: index => moveChunk(index, 2, [7, 0]),
    refusal: {
      code: 'format',
      message: /^A chunk lies outside its tensor/,
      expected: 'a box inside shape [9, 4]',
      found: '[7:10, 0:4]',
      fqn: FQN,
    },
  },
  {
    what: 'a chunk has a dimension more than its tensor',
    edit: index => setField(index.chunks(FQN).items[0] as PyObject, 'sizes', torchSize([3, 4, 1])),
    refusal: { code: 'format', message: /another number of dimensions/, expected: 2, found: 3, fqn: FQN },
  },
  {
    what: 'a chunk has no place',
    edit: index => {
      for (const key of [...index.storageData.keys()])
        if (textOf(key as PyObject) === FQN && isPlaceOf(key as PyObject, [6, 0]))
          index.storageData.delete(key);
    },
    refusal: {
      code: 'format',
      message: /does not say where a chunk is stored/,
      expected: /offset \[6, 0\]/,
      fqn: FQN,
      path: /\.metadata$/,
    },
  },
  {
    what: 'an object has no place',
    edit: index => {
      for (const key of [...index.storageData.keys()])
        if (textOf(key as PyObject) === 'epoch') index.storageData.delete(key);
    },
    refusal: { code: 'format', message: /does not say where an object is stored/, fqn: 'epoch' },
  },
  {
    what: 'two tensors have changed places',
    edit: index => {
      const [a] = index.storageInfos(FQN);
      const [b] = index.storageInfos('model.mid.weight');
      [a!.state, b!.state] = [b!.state, a!.state];
    },
    refusal: {
      code: 'format',
      message: /^A stored chunk has another shape than the index says/,
      expected: '[3, 4]',
      found: '[3, 3, 5]',
      fqn: FQN,
      path: /__2_0\.distcp$/,
    },
  },
  {
    what: 'a tensor and an object have changed places',
    edit: index => {
      const [a] = index.storageInfos(FQN);
      const [b] = index.storageInfos('epoch');
      [a!.state, b!.state] = [b!.state, a!.state];
    },
    refusal: { code: 'format', message: /The item of a tensor holds something else/, fqn: FQN },
  },
  {
    what: 'the index names an element type that torch does not convert to',
    edit: index => {
      const properties = fieldOf(index.tensor(FQN), 'properties') as PyObject;
      const [, ...rest] = (properties.state as PyTuple).items;
      properties.state = new PyTuple([new PyGlobal('torch', 'bits16'), ...rest]);
    },
    refusal: {
      code: 'unsupported',
      message: /another element type than the index says/,
      expected: 'bits16',
      found: 'float32',
      fqn: FQN,
    },
  },
  {
    what: 'an item begins one byte too late',
    edit: index => {
      const info = index.storageInfos('epoch')[0]!;
      setField(info, 'offset', (fieldOf(info, 'offset') as number) + 1);
      setField(info, 'length', (fieldOf(info, 'length') as number) - 1);
    },
    refusal: { code: 'format', fqn: 'epoch', path: /\.distcp$/ },
  },
  {
    what: 'an item lies behind the end of its file',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'offset', 10_000_000),
    refusal: { code: 'corrupt', message: /shorter than the index says/, expected: /^10001180 bytes/ },
  },
];

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = [
  'a chunk is missing: a hole',
  'two chunks overlap',
  'a chunk reaches out of the tensor',
  'two tensors have changed places',
];

suite('faults: coverage', ({ each, test }) => {
  each(
    rows,
    ({ what }) => what,
    sideBySide(rows, async ({ what, edit, refusal }) => {
      await refusesEditedIndex(edit, refusal, BY_PROGRAM.includes(what));
    }),
  );

  test('the path of a checkpoint saved on Windows is carried, never made: Python on Linux cannot', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('sharded4', root, '2.6.0');
    editIndex(source, ({ metadata }) => {
      const path = new PyObject(
        'reduce',
        new PyGlobal('pathlib', 'WindowsPath'),
        new PyTuple(['C:\\', 'run']),
      );
      setField(fieldOf(metadata, 'storage_meta') as PyObject, 'checkpoint_id', path);
    });
    const { globals } = await convertHere(convertArguments('dcp_to_torch', source, join(root, 'out.pth')));
    equal(globals, []);
  });

  test('an index written again without a change converts to the same file', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('sharded4', root, '2.6.0');
    await convertHere(convertArguments('dcp_to_torch', source, join(root, 'out.pth')));
    const before = checksum(join(root, 'out.pth'));
    editIndex(source, () => {});
    await convertHere(convertArguments('dcp_to_torch', source, join(root, 'out.pth'), '--force'));
    is(checksum(join(root, 'out.pth')), before);
  });

  test('a box that is there twice is a replica: counted, and read once', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('sharded4', root, '2.6.0');
    await convertHere(convertArguments('dcp_to_torch', source, join(root, 'out.pth')));
    const before = checksum(join(root, 'out.pth'));
    editIndex(source, index => {
      const chunks = index.chunks(FQN).items;
      chunks.push(chunks[0]!, chunks[2]!);
    });
    const { replicas } = await succeeds(
      convertArguments('dcp_to_torch', source, join(root, 'out.pth'), '--force'),
    );
    is(replicas, 2);
    is(checksum(join(root, 'out.pth')), before);
    equal(
      Object.keys(contentsOf(root)).filter(name => !name.startsWith('sharded4')),
      ['out.pth'],
    );
  });
});
