import { createHash } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { localShardOf } from '../../../src/checkpoint/local-shard.js';
import {
  DeviceMesh,
  load,
  openCheckpoint,
  parsePlacements,
  TensorEntry,
  type tensor,
} from '../../../src/index.js';
import { type FixtureCase, fixtureCases, fixturePath, golden } from '../../fixtures.js';
import { scratch } from '../../io/scratch.js';
import { equal, is, rejects, suite } from '../../suite.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function withCheckpoint<Result>(
  path: string,
  body: (checkpoint: Awaited<ReturnType<typeof openCheckpoint>>) => Promise<Result>,
): Promise<Result> {
  const checkpoint = await openCheckpoint(path);
  try {
    return await body(checkpoint);
  } finally {
    checkpoint.close();
  }
}

/** Two keys that are one as text; a container inside itself, which is refused. */
const WITHOUT_NAMES = new Set(['colliding_keys', 'cyclic']);
const withGolden = fixtureCases.filter(
  ({ name, kind, golden_differs_from_load }) =>
    ['dcp', 'torch'].includes(kind) && golden_differs_from_load === undefined && !WITHOUT_NAMES.has(name),
);

suite('a tensor is loaded whole', ({ each }) => {
  each(
    withGolden,
    ({ name, torch }: FixtureCase) => `${name} of torch ${torch}`,
    async ({ name, torch }) => {
      const rows = new Map(
        golden(name, torch).tensors.map(row => [JSON.stringify(row.path.map(String)), row]),
      );
      await withCheckpoint(fixturePath(name, torch), async checkpoint => {
        for (const entry of checkpoint.entries) {
          const row = rows.get(JSON.stringify(entry.path.map(String)));
          if (!(entry instanceof TensorEntry) || row?.sha256 === undefined) continue;
          const loaded = await load(checkpoint, entry);
          equal([loaded.dtype, loaded.shape], [row.dtype, row.shape]);
          is(sha256(loaded.bytes), row.sha256, entry.fqn);
        }
      });
    },
  );
});

suite('a rank’s part of a tensor', ({ test, each }) => {
  const path = fixturePath('grid_shards');

  each(
    [
      'Shard(0),Replicate()',
      'Shard(1),Shard(0)',
      '_StridedShard(0, 2),Shard(0)',
      'Shard(0),_StridedShard(0, 2)',
    ],
    placements => `is cut out of the whole: ${placements}`,
    async placements => {
      await withCheckpoint(path, async checkpoint => {
        const entry = checkpoint.entries.find(
          (found): found is TensorEntry => found instanceof TensorEntry && found.shape.length === 2,
        )!;
        const whole = await load(checkpoint, entry);
        const { itemSize } = entry.dtype;
        for (let rank = 0; rank < 4; rank++) {
          const sharding = { mesh: new DeviceMesh([2, 2]), placements: parsePlacements(placements), rank };
          const part = await load(checkpoint, entry.fqn, { sharding });
          const { shape, boxes } = localShardOf(entry.shape, sharding);
          equal(part.localShape, shape);
          const expected = new Uint8Array(part.bytes.length);
          for (const { box, localOffsets } of boxes) {
            for (let i = 0; i < box.sizes[0]!; i++) {
              const from = ((box.offsets[0]! + i) * entry.shape[1]! + box.offsets[1]!) * itemSize;
              const row = whole.bytes.subarray(from, from + box.sizes[1]! * itemSize);
              expected.set(row, ((localOffsets[0]! + i) * shape[1]! + localOffsets[1]!) * itemSize);
            }
          }
          equal(part.bytes, expected, `rank ${rank}`);
        }
      });
    },
  );

  test('only the files that hold it are read', async () => {
    const copy = join(scratch(), 'checkpoint');
    cpSync(fixturePath('uneven_shards'), copy, { recursive: true });
    rmSync(join(copy, '__3_0.distcp'));
    await withCheckpoint(copy, async checkpoint => {
      const part = (rank: number) =>
        load(checkpoint, 'ten_rows', {
          sharding: { mesh: new DeviceMesh([2]), placements: parsePlacements('Shard(0)'), rank },
        });
      is((await part(0)).data.length, 15);
      await rejects(() => part(1), { code: 'file', message: /__3_0\.distcp/ });
    });
  });

  test('into memory that is there, in another type', async () => {
    await withCheckpoint(fixturePath('uneven_shards'), async checkpoint => {
      const into = new Float64Array(15);
      const loaded = await load(checkpoint, 'five_rows', { into, dtype: 'float64' });
      is(loaded.data.buffer, into.buffer);
      equal(into, tensorOf(await load(checkpoint, 'five_rows')));
    });
  });

  test('memory of another length', async () => {
    await withCheckpoint(fixturePath('uneven_shards'), checkpoint =>
      rejects(() => load(checkpoint, 'five_rows', { into: new Float32Array(3) }), {
        code: 'usage',
        message: /expected 60 bytes of float32 for shape \[5, 3\].*found 12 bytes/,
      }),
    );
  });

  each(
    [
      { fqn: 'nothing', message: /no tensor of this name.*nothing/ },
      { fqn: 'epoch', message: /is no tensor.*epoch/ },
    ],
    ({ fqn }) => `no tensor: ${fqn}`,
    ({ fqn, message }) =>
      withCheckpoint(fixturePath('replicated'), checkpoint =>
        rejects(() => load(checkpoint, fqn), { code: 'usage', message }),
      ),
  );
});

function tensorOf({ data }: ReturnType<typeof tensor>): Float64Array {
  return Float64Array.from(data as Float32Array);
}
