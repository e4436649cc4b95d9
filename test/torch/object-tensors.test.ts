import { readFileSync } from 'node:fs';
import type { Checkpoint } from '../../src/checkpoint/checkpoint.js';
import { openCheckpoint } from '../../src/ops/open.js';
import { type ObjectTensors, tensorsInObjects } from '../../src/torch/object-tensors.js';
import { fixtureCases, fixturePath, golden } from '../fixtures.js';
import { sha256OfElements } from '../goldens/elements.js';
import { objectsOf, tensorsOf, viewOfChunk } from '../goldens/golden-of-checkpoint.js';
import { equal, ok, suite } from '../suite.js';

async function openObjects(name: string): Promise<{ checkpoint: Checkpoint; tensors: ObjectTensors }> {
  const checkpoint = await openCheckpoint(fixturePath(name));
  await checkpoint.loadObjects(objectsOf(checkpoint));
  await checkpoint.resolve(tensorsOf(checkpoint));
  return { checkpoint, tensors: tensorsInObjects(checkpoint, objectsOf(checkpoint)) };
}

/** Type, shape and hash of each tensor. */
function describe({ entries, chunks, storages, files }: ObjectTensors): string[] {
  return entries.map(entry => {
    const view = viewOfChunk({ chunks } as Checkpoint, entry, entry.firstChunk);
    const { file, byteOffset, byteLength, bigEndian } = storages.at(chunks.storage[entry.firstChunk]!);
    const bytes = readFileSync(files[file]!.path).subarray(byteOffset, byteOffset + byteLength);
    return [entry.dtype.name, `[${entry.shape}]`, sha256OfElements(view, bytes, bigEndian)].join(' ');
  });
}

const withTensorsInObjects = fixtureCases
  .filter(({ torch }) => torch === '2.13.0')
  .map(({ name }) => name)
  .filter(name => golden(name).tensors.some(row => row.inside_object === true && row.sha256 !== undefined));

suite('tensors inside objects', ({ each, test }) => {
  each(
    withTensorsInObjects,
    name => `${name}: every one of the golden, with its bytes`,
    async name => {
      const { checkpoint, tensors } = await openObjects(name);
      const found = describe(tensors);
      checkpoint.close();
      for (const row of golden(name).tensors) {
        if (row.inside_object !== true || row.sha256 === undefined) continue;
        const wanted = `${row.dtype} [${row.shape}] ${row.sha256}`;
        ok(found.includes(wanted), `${wanted} is none of ${found.join(', ')}`);
      }
    },
  );

  test('their names say where they are', async () => {
    const { checkpoint, tensors } = await openObjects('tensors_in_objects');
    checkpoint.close();
    equal(
      tensors.entries.map(({ fqn }) => fqn),
      [
        'pair![0]',
        'pair![1]',
        'shared![0]',
        'shared![1]',
        'shared![2]',
        'parameter![0]',
        "in_namespace!.state['mean']",
        "in_namespace!.state['std']",
        'sparse![0].args[1][0]',
        'sparse![0].args[1][1]',
        'csr![0].args[1][0]',
        'csr![0].args[1][1]',
        'csr![0].args[1][2]',
        'quantized![1].args[4][1]',
        'quantized![1].args[4][2]',
        'nested_tensor![0].args[0]',
        'nested_tensor![0].args[1]',
        'nested_tensor![0].args[2]',
        'nested_tensor![0].args[3]',
      ],
    );
  });
});
