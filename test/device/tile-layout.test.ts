import { tilesOf } from '../../src/copy/tiles.js';
import { openCpuDevice } from '../../src/device/cpu.js';
import { StagingFiller } from '../../src/device/staging.js';
import { type Gather, planTileLayout } from '../../src/device/tile-layout.js';
import { ParallelReader } from '../../src/io/parallel-reader.js';
import { fixturePath } from '../fixtures.js';
import { equal, ok, suite } from '../suite.js';
import { recordsOf } from './contract.js';

/** What a device does with a gather, byte by byte. */
function gather(staging: Uint8Array, tile: Uint8Array, part: Gather): void {
  const visit = (level: number, source: number, target: number): void => {
    const dimension = part.dimensions[level];
    if (dimension === undefined) {
      tile.set(staging.subarray(source, source + part.runByteLength), target);
      return;
    }
    for (let i = 0; i < dimension.count; i++) {
      visit(level + 1, source + i * dimension.sourceStep, target + i * dimension.recordStep);
    }
  };
  visit(0, part.stagingByteOffset, part.tileByteOffset);
}

/** Sharded by rows, columns, both; strided, transposed, expanded and big-endian sources; views with sign bits. */
const FIXTURES = [
  'uneven_shards',
  'column_shards',
  'grid_shards',
  'tp_fsdp',
  'hsdp',
  'strides',
  'strides_dcp',
  'lazy_views',
  'big_endian',
  'small_transformer',
  'tied',
];

suite('tile layout', ({ each }) => {
  each(
    FIXTURES.flatMap(fixture => [1 << 16, 1 << 20].map(tileByteLength => ({ fixture, tileByteLength }))),
    ({ fixture, tileByteLength }) => `${fixture} in tiles of ${tileByteLength} bytes`,
    async ({ fixture, tileByteLength }) => {
      const { records } = await recordsOf(fixturePath(fixture));
      const device = openCpuDevice({ workers: 0 });
      const { results } = await device.rebuild(records);
      const expected = await Promise.all(results.map(tensor => tensor.readBack()));
      const found = expected.map(bytes => new Uint8Array(bytes.length));
      const reader = new ParallelReader();
      const filler = new StagingFiller(records.plan, reader);
      for (const tile of tilesOf(records.plan, tileByteLength)) {
        const layout = planTileLayout(records.plan, tile);
        const staging = new Uint8Array(layout.stagingByteLength);
        await filler.fill(layout, staging);
        const bytes = new Uint8Array(layout.tileByteLength);
        for (const part of layout.gathers) gather(staging, bytes, part);
        for (const { record, startByte, byteLength, tileByteOffset } of layout.segments) {
          ok(tileByteOffset % 16 === 0);
          found[record]!.set(bytes.subarray(tileByteOffset, tileByteOffset + byteLength), startByte);
        }
      }
      filler.close();
      reader.close();
      equal(found, expected);
    },
  );
});
