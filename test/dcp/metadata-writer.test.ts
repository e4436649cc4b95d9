import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { torchSaveToDcp } from '../../src/index.js';
import { decodePickle } from '../../src/pickle/decode.js';
import { fixtureCases, fixturePath, type GoldenValue } from '../fixtures.js';
import { goldenOf } from '../goldens/golden-of.js';
import { has } from '../goldens/state-dict.js';
import { scratch } from '../io/scratch.js';
import { equal, suite } from '../suite.js';

function describeIndex(directory: string): GoldenValue {
  const bytes = readFileSync(join(directory, '.metadata'));
  return goldenOf(decodePickle(bytes).value, { storage: () => undefined }).tree;
}

/** Cases of which no directory is written, and whose items have other lengths: see convert.test.ts. */
const OTHER_ITEMS = new Set(['quantized_leaf', 'python_objects', 'tensors_in_objects']);

/**
 * The index without what must differ: the ids, the path that torch notes, and how an enum member is written
 * (by name under Python 3.11, by value under others and by us).
 */
function comparable(node: GoldenValue): unknown {
  if (has(node, 'object')) {
    const { callable, args, state } = node.object;
    if (JSON.stringify(args).includes('_MEM_FORMAT_ENCODING"]},"TORCH_CONTIGUOUS_FORMAT'))
      return 'contiguous';
    if (JSON.stringify(callable).includes('_MEM_FORMAT_ENCODING')) {
      equal(args, { tuple: [0] });
      return 'contiguous';
    }
    return { callable, args: comparable(args), state: state === undefined ? undefined : comparable(state) };
  }
  if (has(node, 'tuple')) return { tuple: node.tuple.map(comparable) };
  if (has(node, 'list')) return { list: node.list.map(comparable) };
  if (!has(node, 'dict')) return node;
  return node.dict.map(([key, value]) => [
    comparable(key),
    key === 'save_id' || key === 'checkpoint_id' ? key : comparable(value),
  ]);
}

/** Files and directories of equal content, both saved by torch. */
const PAIRS = fixtureCases
  .filter(({ name, torch }) =>
    fixtureCases.some(other => other.name === `${name}_dcp` && other.torch === torch),
  )
  .map(({ name }) => name)
  .filter(name => !OTHER_ITEMS.has(name));

suite('encoding .metadata', ({ each, test }) => {
  each(
    PAIRS,
    name => `${name}: field by field what torch writes, but for ids`,
    async name => {
      const directory = scratch({ inMemory: true });
      await torchSaveToDcp(fixturePath(name), directory, { allowUnsafeGlobals: true });
      const [ours, torchs] = [directory, fixturePath(`${name}_dcp`)].map(path =>
        comparable(describeIndex(path)),
      );
      equal(ours, torchs);
    },
  );

  test('pickle protocol 2, so that every Python reads it', async () => {
    const directory = scratch({ inMemory: true });
    await torchSaveToDcp(fixturePath('small_transformer'), directory);
    equal([...readFileSync(join(directory, '.metadata')).subarray(0, 2)], [0x80, 2]);
  });
});
