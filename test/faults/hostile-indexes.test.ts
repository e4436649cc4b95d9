import { join } from 'node:path';
import { dcpToTorchSave } from '../../src/index.js';
import { PyList, type PyObject, PyTuple } from '../../src/pickle/values.js';
import { copyFixture } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { is, suite } from '../suite.js';
import { editIndex, type IndexEditor, setField, torchSize } from './craft.js';
import { refusesEditedIndex } from './edited-index.js';
import { type Refusal, sideBySide } from './run-dcp.js';

/** Rows that start the program; the others ask the library, which is faster. */
const BY_PROGRAM = ['a data file "/etc/passwd"', 'a path with a list position of a billion'];

interface IndexRow {
  what: string;
  edit(index: IndexEditor): void;
  refusal: Refusal;
}

const FQN = 'model.rows.weight';
const outside = (relativePath: string): IndexRow => ({
  what: `a data file ${JSON.stringify(relativePath)}`,
  edit: index => setField(index.storageInfos(FQN)[0]!, 'relative_path', relativePath),
  refusal: {
    code: 'format',
    message: /^The index names a data file outside the checkpoint directory/,
    expected: 'a path inside it',
    fqn: FQN,
    path: /\.metadata$/,
  },
});

const indexRows: IndexRow[] = [
  outside('../sharded4/__0_0.distcp'),
  outside('/etc/passwd'),
  outside('a/../../x'),
  outside('..'),
  outside('x\0y'),
  {
    what: 'a data file that is the directory',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'relative_path', '.'),
    refusal: { code: 'file', message: /\(a directory\)/ },
  },
  {
    what: 'a negative offset',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'offset', -1),
    refusal: { code: 'format', message: /_StorageInfo/ },
  },
  {
    what: 'an offset of 2 to the 63',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'offset', 2n ** 63n),
    refusal: { code: 'format', message: /_StorageInfo/ },
  },
  {
    what: 'a length of 2 to the 52',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'length', 2 ** 52),
    refusal: { code: 'corrupt', message: /shorter than the index says/ },
  },
  {
    what: 'a length of nothing',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'length', 0),
    refusal: { code: 'format', fqn: FQN },
  },
  {
    what: 'a tensor of 2 to the 52 by 2 to the 52',
    edit: index => setField(index.tensor(FQN), 'size', torchSize([2 ** 52, 2 ** 52])),
    refusal: { code: 'limit', message: /larger than any file/, fqn: FQN },
  },
  {
    what: 'a tensor without state',
    edit: index => {
      index.tensor(FQN).state = undefined;
    },
    refusal: { code: 'format', message: /Metadata\.state_dict_metadata is not what torch writes/, fqn: FQN },
  },
  {
    what: 'chunks without state',
    edit: index => {
      for (const chunk of index.chunks(FQN).items) (chunk as PyObject).state = undefined;
    },
    refusal: { code: 'format' },
  },
  {
    what: 'a path with a list position of a billion',
    edit: index => index.plannerData.set('epoch', new PyTuple(['list', 1_000_000_000])),
    refusal: { code: 'limit', fqn: /epoch|list/ },
  },
  {
    what: 'a path with a negative list position',
    edit: index => index.plannerData.set('epoch', new PyTuple(['list', -1])),
    refusal: { code: 'format', fqn: 'epoch' },
  },
  {
    what: 'two names with one path',
    edit: index => index.plannerData.set('epoch', index.plannerData.getText(FQN)!),
    refusal: { code: 'format', message: /contradict each other/ },
  },
  {
    what: 'a path inside a tensor',
    edit: index => index.plannerData.set('epoch', new PyTuple(['model', 'rows.weight', 'x'])),
    refusal: { code: 'format', message: /contradict each other/ },
  },
  {
    what: 'no names at all',
    edit: index => setField(index.metadata, 'state_dict_metadata', null),
    refusal: { code: 'format', message: /state_dict_metadata/ },
  },
  {
    what: 'a transform that is not known',
    edit: index => setField(index.storageInfos(FQN)[0]!, 'transform_descriptors', new PyList(['rot13'])),
    refusal: { code: 'unsupported', found: 'rot13', fqn: FQN },
  },
];

suite('faults: hostile indexes', ({ each, test }) => {
  each(
    indexRows,
    ({ what }) => what,
    sideBySide(indexRows, async ({ what, edit, refusal }) => {
      await refusesEditedIndex(edit, refusal, BY_PROGRAM.includes(what));
    }),
  );

  test('thousands of replicas of a chunk are counted, not copied', async () => {
    const root = scratch({ inMemory: true });
    const source = copyFixture('sharded4', root, '2.6.0');
    editIndex(source, index => {
      const { items } = index.chunks(FQN);
      for (let i = 0; i < 3000; i++) items.push(items[0]!);
    });
    const { replicas } = await dcpToTorchSave(source, join(root, 'out.pth'));
    is(replicas, 3000);
  });
});
