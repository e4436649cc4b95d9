import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { dcpToTorchSave, openCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { copyFixture, fixtureCase } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import { objectsOf, tensorsOf } from './golden-of-checkpoint.js';

/**
 * One flipped bit in any storage that is read whole stops the conversion. Torch's own reader checks no CRC.
 * `unread`: storages of which the tensors use a part only, so that their CRC says nothing.
 */
const CASES: [name: string, storages: number, unread: number][] = [
  ['small_transformer', 20, 0],
  ['tied', 3, 0],
  ['module_state', 14, 0],
  // Tensors that begin behind the beginning of their storage, or end before its end.
  ['strides', 18, 4],
  ['lazy_views', 4, 0],
  ['tensors_in_objects', 20, 0],
  ['small_transformer_dcp', 20, 0],
  ['grid_shards', 24, 0],
  ['tensors_in_objects_dcp', 20, 0],
];

suite('goldens: one flipped bit', ({ each }) => {
  each(
    CASES,
    ([name]) => `in each storage of ${name}`,
    async ([name, storageCount, unread]) => {
      const source = copyFixture(name, scratch({ inMemory: true }));
      const places = await placesOf(source);
      is(places.length, storageCount);
      const target = scratch({ inMemory: true });
      const { kind } = fixtureCase(name);
      const convert = (): Promise<unknown> =>
        kind === 'dcp'
          ? dcpToTorchSave(source, join(target, 'out.pth'))
          : torchSaveToDcp(source, join(target, 'out'));
      let found = 0;
      for (const { path, byteOffset, byteLength } of places) {
        flip(path, byteOffset + (byteLength >> 1));
        try {
          const error = await rejects(convert, { code: 'corrupt', message: /damaged: their CRC-32/ });
          equal([basename(error.context.path!), error.context.byteOffset], [basename(path), byteOffset]);
          ok(error.context.fqn !== undefined);
          equal(readdirSync(target), []);
          found++;
        } catch (error) {
          if (!(error as Error).message.includes('nothing was thrown')) throw error;
          if (unread === 0) throw error;
          for (const entry of readdirSync(target)) rmSync(join(target, entry), { recursive: true });
        } finally {
          flip(path, byteOffset + (byteLength >> 1));
        }
      }
      is(found, storageCount - unread);
    },
  );
});

/** Where the storages of a checkpoint lie, but for empty ones. */
async function placesOf(source: string): Promise<{ path: string; byteOffset: number; byteLength: number }[]> {
  const checkpoint = await openCheckpoint(source);
  await checkpoint.resolve(tensorsOf(checkpoint));
  await checkpoint.loadObjects(objectsOf(checkpoint));
  const { storages, files } = checkpoint;
  const places = Array.from({ length: storages.count }, (_, i) => {
    const { file, byteOffset, byteLength } = storages.at(i);
    return { path: files[file]!.path, byteOffset, byteLength };
  });
  checkpoint.close();
  return places.filter(({ byteLength }) => byteLength > 0);
}

function flip(path: string, byteOffset: number): void {
  const bytes = readFileSync(path);
  bytes[byteOffset]! ^= 0x10;
  writeFileSync(path, bytes);
}
