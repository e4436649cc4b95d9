/** One bit of tensor data flips: at a random place, in a checkpoint of random size, type and sharding. */
import { closeSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { elementCountOf } from '../../src/checkpoint/box.js';
import { type Checkpoint, TensorEntry } from '../../src/checkpoint/checkpoint.js';
import { dtypeOf } from '../../src/dtype.js';
import { dcpToTorchSave, openCheckpoint, torchSaveToDcp } from '../../src/index.js';
import { makeSyntheticDcp, type SyntheticSpec } from '../bench/synthetic.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, is, rejects, suite } from '../suite.js';

const SEEDS = Array.from({ length: 24 }, (_, i) => 7919 * (i + 1));
const DTYPES = ['bfloat16', 'float32', 'float64', 'uint8', 'complex64', 'bool'];

/** Up to some megabytes, so that storages are cut by blocks and tiles too; more ranks than rows now and then. */
function randomSpec(random: Random): SyntheticSpec {
  const rows = random.int(1, 3000);
  const dtype = DTYPES[random.int(0, DTYPES.length - 1)]!;
  const columns = random.int(1, Math.ceil((4 << 20) / rows / dtypeOf(dtype).itemSize));
  return {
    dtype,
    shape: random.next() < 0.3 ? [rows, Math.ceil(columns / 3), 3] : [rows, columns],
    grid: [random.int(1, 5), random.int(1, 4)],
    tensorCount: random.int(1, 3),
  };
}

interface Place {
  path: string;
  byteOffset: number;
  fqn: string;
}

/** Any byte of any tensor: of the bytes of the tensors all are as likely. */
async function randomPlace(path: string, random: Random): Promise<Place> {
  const checkpoint: Checkpoint = await openCheckpoint(path);
  const tensors = checkpoint.entries.filter(entry => entry instanceof TensorEntry);
  await checkpoint.resolve(tensors);
  const entry = tensors[random.int(0, tensors.length - 1)]!;
  let byte = random.int(0, elementCountOf(entry.shape) * entry.dtype.itemSize - 1);
  try {
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      const { file, byteOffset, byteLength } = checkpoint.storages.at(checkpoint.chunks.storage[chunk]!);
      if (byte < byteLength) {
        return { path: checkpoint.files[file]!.path, byteOffset: byteOffset + byte, fqn: entry.fqn };
      }
      byte -= byteLength;
    }
  } finally {
    checkpoint.close();
  }
  throw new Error('the chunks have fewer bytes than the tensor');
}

function flip({ path, byteOffset }: Place, bit: number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, byteOffset);
  byte[0]! ^= 1 << bit;
  writeSync(fd, byte, 0, 1, byteOffset);
  closeSync(fd);
}

suite('faults: a flipped bit, whatever the sharding', ({ each }) => {
  each(
    SEEDS,
    seed => `seed ${seed}`,
    async seed => {
      const random = new Random(seed);
      const spec = randomSpec(random);
      const what = JSON.stringify(spec);
      const root = scratch();
      const dcp = join(root, 'dcp');
      const pth = join(root, 'whole.pth');
      await makeSyntheticDcp(dcp, join(root, 'random'), spec);
      const whole = await dcpToTorchSave(dcp, pth, { sync: false });
      equal([whole.crcChecked, whole.crc?.partlyRead, whole.crc?.withoutCrc], [true, 0, 0], what);

      const ways = [
        { source: dcp, convert: dcpToTorchSave },
        { source: pth, convert: torchSaveToDcp },
      ];
      for (const { source, convert } of ways) {
        const out = join(root, 'out');
        for (const workers of [0, 2]) {
          const place = await randomPlace(source, random);
          const bit = random.int(0, 7);
          flip(place, bit);
          const options = { workers, sync: false };
          const error = await rejects(() => convert(source, out, options), {
            code: 'corrupt',
            message: /damaged/,
          });
          is(error.context.fqn, place.fqn, what);
          is(error.context.path, place.path, what);
          flip(place, bit);
          equal(readdirSync(root).sort(), ['dcp', 'random', 'whole.pth'], what);
        }
        const mended = await convert(source, out, { workers: 0, sync: false });
        is(mended.crcChecked, true, what);
        rmSync(out, { recursive: true });
      }
    },
  );
});
