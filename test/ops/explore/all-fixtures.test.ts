/** Whatever a fixture holds can be looked at: names, places, numbers, also of the tensors inside objects. */
import { TensorEntry } from '../../../src/checkpoint/checkpoint.js';
import { DcpError } from '../../../src/errors.js';
import { type Explorer, openExplorer } from '../../../src/ops/explore/explorer.js';
import { buildTree } from '../../../src/tui/explore/tree-model.js';
import { fixtureCases, fixturePath } from '../../fixtures.js';
import { equal, is, ok, suite } from '../../suite.js';

/** Tensors whose numbers are refused: their items hold something that is not strided. */
const WITHOUT_NUMBERS = new Set(['quantized_leaf_dcp quantized']);

async function tensorsOf(explorer: Explorer): Promise<TensorEntry[]> {
  const { entries } = explorer.checkpoint;
  const tensors = new Set(entries.filter(entry => entry instanceof TensorEntry));
  for (const entry of entries) {
    if (entry.kind !== 'object') continue;
    const { lines, tensors: inner } = await explorer.valueOf(entry, 60);
    ok(lines.length > 0 && !lines.some(line => /<\w+Entry>/.test(line)), lines.join('\n'));
    for (const tensor of inner) tensors.add(tensor);
  }
  return [...tensors];
}

async function lookAt(explorer: Explorer, entry: TensorEntry, isRefused: boolean): Promise<void> {
  const { layoutOf } = explorer.checkpoint;
  const layout = layoutOf(entry);
  for (let i = 0; i < layout.chunkCount; i++) {
    const { relativePath, state, sizes } = layout.chunkAt(i);
    ok(relativePath !== '', entry.fqn);
    if (!sizes.includes(0)) is(state, 'there', entry.fqn);
  }
  const sizes = entry.shape.map(size => Math.min(size, 3));
  const window = explorer.windowOf(entry, { offsets: sizes.map(() => 0), sizes });
  const refused = await window.then(
    () => false,
    error => error instanceof DcpError,
  );
  is(refused, isRefused, entry.fqn);
  if (!refused)
    is(
      (await window).texts.length,
      sizes.reduce((count, size) => count * size, 1),
    );
}

suite('explorer: every fixture', ({ each }) => {
  each(
    fixtureCases.filter(({ name }) => name !== 'torn_overwrite'),
    ({ name, torch }) => `${name} of ${torch}`,
    async ({ name, torch }) => {
      let explorer: Explorer;
      try {
        explorer = await openExplorer(fixturePath(name, torch));
      } catch (error) {
        equal([name, error instanceof DcpError], ['cyclic', true], String(error));
        return;
      }
      try {
        const { entries, holderOf } = explorer.checkpoint;
        equal(buildTree(entries, name, holderOf).nodeOfEntry.length, entries.length);
        await explorer.place();
        for (const entry of await tensorsOf(explorer)) {
          await lookAt(explorer, entry, WITHOUT_NUMBERS.has(`${name} ${entry.fqn}`));
        }
      } finally {
        explorer.close();
      }
    },
  );
});
