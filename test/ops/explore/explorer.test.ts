import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { ObjectEntry, TensorEntry } from '../../../src/checkpoint/checkpoint.js';
import { type Explorer, openExplorer } from '../../../src/ops/explore/explorer.js';
import { fixturePath, golden } from '../../fixtures.js';
import { scratch } from '../../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../../suite.js';

async function exploring<T>(path: string, action: (explorer: Explorer) => Promise<T>): Promise<T> {
  const explorer = await openExplorer(path);
  try {
    return await action(explorer);
  } finally {
    explorer.close();
  }
}

function tensorOf({ checkpoint }: Explorer, fqn: string): TensorEntry {
  const entry = checkpoint.entries.find(each => each.fqn === fqn);
  ok(entry instanceof TensorEntry, fqn);
  return entry;
}

suite('explorer: a checkpoint', ({ test, each }) => {
  /** Printed by torch of the checkpoint that `dcp_to_torch_save` makes. */
  each<readonly [fqn: string, offsets: number[], sizes: number[], texts: string[]]>(
    [
      ['columns_rows', [2, 3], [2, 3], ['0.86719', '0.3457', '0.41797', '0.90234', '0.60156', '0.084961']],
      ['rows_deep', [3, 0, 2], [1, 2, 3], ['0.0080295', '0.9615', '0.27019', '0.7717', '0.046581', '0.2359']],
      ['rows_columns', [0, 0], [1, 5], ['0.93413', '0.3805', '0.17931', '0.72864', '0.24853']],
      ['rows_columns', [1, 0], [1, 1], ['0.12058']],
    ],
    ([fqn, offsets]) => `numbers of ${fqn} from [${offsets}]`,
    async ([fqn, offsets, sizes, texts]) => {
      await exploring(fixturePath('grid_shards'), async explorer => {
        const window = await explorer.windowOf(tensorOf(explorer, fqn), { offsets, sizes });
        equal(window, { offsets, sizes, texts });
      });
    },
  );

  /** Printed by torch of the file. */
  each<readonly [dtype: string, first: string[]]>(
    [
      ['float64', ['-5.438e+51', '1.3302e+247']],
      ['float16', ['-0.00019097', '50368.0']],
      ['int64', ['618071215934415115', '8298323705800226650']],
      ['uint64', ['16450371053321435400', '10001258243189386441']],
      ['int8', ['116', '66']],
      ['bool', ['False', 'False']],
      ['complex32', ['(0.0008988380432128906+nanj)', '(-29.796875+1.0185546875j)']],
      ['float8_e4m3fn', ['-12.0', '224.0']],
    ],
    ([dtype]) => `numbers of ${dtype}`,
    async ([dtype, first]) => {
      await exploring(fixturePath('all_dtypes'), async explorer => {
        const box = { offsets: [0, 0], sizes: [1, 2] };
        equal((await explorer.windowOf(tensorOf(explorer, dtype), box)).texts, first);
      });
    },
  );

  test('statistics and histogram, against torch.histc', async () => {
    await exploring(fixturePath('grid_shards'), async explorer => {
      const f32 = await explorer.statisticsOf(tensorOf(explorer, 'rows_columns'), 5);
      equal(f32.histogram?.counts, [4, 5, 10, 6, 10]);
      equal([f32.isWhole, f32.histogram?.total, f32.stats.count], [true, 35, 35]);
      is(Math.abs(f32.stats.mean! - 0.57170129) < 1e-7, true);
      const bf16 = await explorer.statisticsOf(tensorOf(explorer, 'columns_rows'), 5);
      equal(bf16.histogram?.counts, [9, 3, 6, 6, 11]);
      equal(
        [bf16.histogram?.min, bf16.histogram?.max],
        [0.04394531, 0.97265625].map(Math.fround).map(x => Math.round(x * 2 ** 20) / 2 ** 20),
      );
    });
  });

  test('chunks: box, rank, file, place', async () => {
    await exploring(fixturePath('grid_shards'), async explorer => {
      const layout = explorer.checkpoint.layoutOf(tensorOf(explorer, 'columns_rows'));
      equal(
        Array.from({ length: layout.chunkCount }, (_, i) => {
          const { offsets, sizes, rank, relativePath, state } = layout.chunkAt(i);
          return [offsets, sizes, rank, relativePath, state];
        }),
        [
          [[0, 0], [3, 4], 0, '__0_0.distcp', 'there'],
          [[3, 0], [2, 4], 1, '__1_0.distcp', 'there'],
          [[0, 4], [3, 3], 2, '__2_0.distcp', 'there'],
          [[3, 4], [2, 3], 3, '__3_0.distcp', 'there'],
        ],
      );
    });
  });

  test('in a torch.save file places are known once they have been looked for', async () => {
    await exploring(fixturePath('tied'), async explorer => {
      const layout = explorer.checkpoint.layoutOf(tensorOf(explorer, 'views.second_half'));
      is(layout.chunkAt(0).byteOffset, undefined);
      await explorer.place();
      const whole = explorer.checkpoint.layoutOf(tensorOf(explorer, 'views.whole')).chunkAt(0);
      const half = layout.chunkAt(0);
      // Five float32 further on.
      is(half.byteOffset! - whole.byteOffset!, 20);
      is(half.byteLength, 20);
    });
  });

  test('in a compressed file elements have no place of their own', async () => {
    await exploring(fixturePath('gzipped_zip'), async explorer => {
      await explorer.place();
      const tensors = explorer.checkpoint.entries.filter(entry => entry instanceof TensorEntry);
      for (const entry of tensors) {
        const { byteOffset, state } = explorer.checkpoint.layoutOf(entry).chunkAt(0);
        equal([byteOffset, state], [undefined, 'there']);
      }
    });
  });

  test('a view reaches from its first element to its last', async () => {
    await exploring(fixturePath('strides'), async explorer => {
      await explorer.place();
      const { tensors } = golden('strides');
      for (const { path, shape = [], stride } of tensors) {
        const elements = shape.includes(0)
          ? 0
          : shape.reduce((sum, size, d) => sum + (size - 1) * stride![d]!, 1);
        const entry = tensorOf(explorer, path.join('.'));
        const { byteLength, state } = explorer.checkpoint.layoutOf(entry).chunkAt(0);
        equal([byteLength, state], [elements * entry.dtype.itemSize, 'there'], entry.fqn);
      }
    });
  });

  test('objects as lines of Python', async () => {
    await exploring(fixturePath('fsdp2_adam'), async explorer => {
      const entry = explorer.checkpoint.entries.find(({ fqn }) => fqn.endsWith('.lr'));
      ok(entry instanceof ObjectEntry);
      equal((await explorer.valueOf(entry, 60)).lines, ['0.1']);
    });
  });

  test('tensors inside objects are named, not printed', async () => {
    await exploring(fixturePath('random_states'), async explorer => {
      const entry = explorer.checkpoint.entries.find(({ fqn }) => fqn === 'generator');
      ok(entry instanceof ObjectEntry);
      ok((await explorer.valueOf(entry, 60)).lines.join('\n').length < 200_000);
    });
  });

  /** SHA-256 of the elements, as the golden of the fixture has them from torch. */
  each<readonly [fqn: string, sha256: string]>(
    [
      ['pair![0]', 'cfa7879c830dba39370033310627741c73227d9cb249b360a6427781602f6c78'],
      ['pair![1]', 'a1e03200f1f82ad2c1cec8795c271aaecf98f5aa2d151d2229ec5fa0c177cf77'],
      // A view that begins with element 4 of its storage.
      ['shared![1]', 'fc7a814d5eba6cdfb0fede16e12c96d26ebaec04e2d5d4067de0b1f07a5a1ee9'],
      ["in_namespace!.state['std']", '83a7c150b50002970c5b7be8f3305d774b2803f8f750994b80c4da59c2ce88ce'],
    ],
    ([fqn]) => `inside objects, ${fqn} is where its layout says`,
    async ([fqn, sha256]) => {
      for (const name of ['tensors_in_objects', 'tensors_in_objects_dcp']) {
        await exploring(fixturePath(name), async explorer => {
          const { checkpoint } = explorer;
          const holder = checkpoint.entries.find(each => each.fqn === fqn.slice(0, fqn.indexOf('!')));
          ok(holder instanceof ObjectEntry);
          const { tensors } = await explorer.valueOf(holder, 60);
          const entry = tensors.find(each => each.fqn === fqn)!;
          await explorer.place();
          const { byteOffset, byteLength, relativePath, state } = checkpoint.layoutOf(entry).chunkAt(0);
          const path = name.endsWith('_dcp') ? join(checkpoint.path, relativePath) : checkpoint.path;
          const stored = readFileSync(path).subarray(byteOffset, byteOffset! + byteLength);
          is(createHash('sha256').update(stored).digest('hex'), sha256);
          is(state, 'there');
          const { texts } = await explorer.windowOf(entry, {
            offsets: entry.shape.map(() => 0),
            sizes: entry.shape,
          });
          const { stats } = await explorer.statisticsOf(entry, 5);
          is(stats.count, texts.length);
          const most = Math.max(...texts.map(Number));
          is(Number(stats.max).toPrecision(5), most.toPrecision(5));
        });
      }
    },
  );

  test('a torch.save file shows tensors inside objects at once', async () => {
    await exploring(fixturePath('tensors_in_objects'), async ({ checkpoint }) => {
      const names = checkpoint.entries.map(({ fqn }) => fqn);
      equal(names.slice(0, 4), ['pair', 'pair![0]', 'pair![1]', 'shared']);
      is(checkpoint.holderOf.get(checkpoint.entries[2]!), checkpoint.entries[0]);
      is(checkpoint.holderOf.has(checkpoint.entries[0]!), false);
    });
  });

  test('what zstd compressed stays in its file when it has been read', async () => {
    await exploring(fixturePath('zstd', '2.14.1'), async explorer => {
      const entry = tensorOf(explorer, 'model.rows.weight');
      const places = () => {
        const layout = explorer.checkpoint.layoutOf(entry);
        return Array.from({ length: layout.chunkCount }, (_, i) => layout.chunkAt(i));
      };
      const before = places();
      is(before[1]!.relativePath, '__1_0.distcp');
      await explorer.windowOf(entry, { offsets: [0, 0], sizes: [9, 4] });
      equal(places(), before);
    });
  });

  test('where a file is missing, what is in the others can be looked at', async () => {
    const copy = join(scratch(), 'ckpt');
    cpSync(fixturePath('grid_shards'), copy, { recursive: true });
    rmSync(join(copy, '__3_0.distcp'));
    truncateSync(join(copy, '__1_0.distcp'), 1700);
    await exploring(copy, async explorer => {
      is(explorer.checkpoint.completeness, 'files_missing');
      const entry = tensorOf(explorer, 'columns_rows');
      const layout = explorer.checkpoint.layoutOf(entry);
      equal(
        [0, 1, 2, 3].map(i => layout.chunkAt(i).state),
        ['there', 'short', 'there', 'missing'],
      );
      is((await explorer.windowOf(entry, { offsets: [0, 0], sizes: [3, 7] })).texts.length, 21);
      await rejects(() => explorer.windowOf(entry, { offsets: [3, 4], sizes: [1, 1] }), { code: 'file' });
      await rejects(() => explorer.statisticsOf(entry, 5), { code: 'corrupt' });
    });
  });

  test('an index on its own', async () => {
    const index = join(scratch(), '.metadata');
    copyFileSync(join(fixturePath('grid_shards'), '.metadata'), index);
    await exploring(index, async explorer => {
      is(explorer.checkpoint.completeness, 'index_only');
      const layout = explorer.checkpoint.layoutOf(tensorOf(explorer, 'columns_rows'));
      equal([layout.chunkAt(2).state, layout.chunkAt(2).rank], ['unknown', 2]);
    });
  });

  test('only what keys choose; keys that choose nothing are an error', async () => {
    const path = fixturePath('grid_shards');
    const explorer = await openExplorer(path, { keys: ['rows_*'] });
    equal(
      explorer.checkpoint.entries.map(({ fqn }) => fqn),
      ['rows_columns', 'rows_twice', 'rows_deep', 'rows_replicated'],
    );
    explorer.close();
    await rejects(() => openExplorer(path, { keys: ['row_columns'] }), { code: 'usage' });
  });

  test('bytes of each file', async () => {
    await exploring(fixturePath('fsdp2_adam'), async explorer => {
      const byFile = explorer.checkpoint.byteLengthByFile();
      const tensors = explorer.checkpoint.entries.filter(entry => entry instanceof TensorEntry);
      const all = tensors.reduce(
        (sum, { shape, dtype }) => sum + shape.reduce((a, b) => a * b, 1) * dtype.itemSize,
        0,
      );
      is(
        byFile.reduce((a, b) => a + b, 0),
        all,
      );
    });
  });

  test('what was aborted ends', async () => {
    await exploring(fixturePath('grid_shards'), async explorer => {
      const signal = AbortSignal.abort();
      await rejects(() => explorer.statisticsOf(tensorOf(explorer, 'rows_deep'), 5, { signal }), {
        code: 'interrupted',
      });
    });
  });
});
