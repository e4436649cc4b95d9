import { cpSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import {
  checkpointStats,
  convert,
  DeviceMesh,
  diffCheckpoints,
  extractTensors,
  load,
  loadStateDict,
  openCheckpoint,
  parsePlacements,
} from '../../src/index.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { is, rejects, suite } from '../suite.js';

const touch = (path: string): void => utimesSync(path, 1, 1);
const CHANGED = {
  code: 'file',
  message: /^The source changed while it was read: its modification time/,
} as const;

/** A copy of a checkpoint of each kind: what is opened, and the files that a tensor of it is read from. */
const kinds: Record<string, () => Promise<{ path: string; files: string[] }>> = {
  'a torch.save file': async () => {
    const path = join(scratch({ inMemory: true }), 'x.pth');
    cpSync(fixturePath('small_transformer'), path);
    return { path, files: [path] };
  },
  'a torch.save file inside gzip': async () => {
    const path = join(scratch({ inMemory: true }), 'x.pth.gz');
    cpSync(fixturePath('gzipped_zip'), path);
    return { path, files: [path] };
  },
  'a directory of safetensors with its state file': async () => {
    const path = scratch({ inMemory: true });
    await convert(fixturePath('training_run'), path, { to: 'safetensors' });
    const [shard] = readdirSync(path).filter(name => name.endsWith('.safetensors'));
    const files = ['model.safetensors.index.json', 'state.pth', shard!];
    return { path, files: files.map(name => join(path, name)) };
  },
  'the index of safetensors': async () => {
    const directory = scratch({ inMemory: true });
    await convert(fixturePath('training_run'), directory, { to: 'safetensors' });
    const [shard] = readdirSync(directory).filter(name => name.endsWith('.safetensors'));
    const index = join(directory, 'model.safetensors.index.json');
    return { path: index, files: [index, join(directory, shard!)] };
  },
  'a DCP directory': async () => {
    const path = copyFixture('fsdp2_adam', scratch({ inMemory: true }));
    return { path, files: ['.metadata', '__0_0.distcp'].map(name => join(path, name)) };
  },
};

suite('a checkpoint that changes after it was opened', ({ each, test }) => {
  each(
    Object.keys(kinds),
    kind => `${kind}: a tensor of it is not loaded`,
    async kind => {
      const { path, files } = await kinds[kind]!();
      for (const file of files) {
        const checkpoint = await openCheckpoint(path);
        const tensor = checkpoint.entries.find(({ kind }) => kind === 'tensor')!;
        await load(checkpoint, tensor.fqn);
        touch(file);
        const error = await rejects(() => load(checkpoint, tensor.fqn), CHANGED);
        is(error.context.path, file);
        checkpoint.close();
        const restored = new Date();
        utimesSync(file, restored, restored);
      }
    },
  );

  test('files that a load does not read may change', async () => {
    const path = copyFixture('column_shards', scratch({ inMemory: true }));
    const checkpoint = await openCheckpoint(path);
    const sharding = { mesh: new DeviceMesh([2]), placements: parsePlacements('Shard(1)'), rank: 0 };
    touch(
      join(
        path,
        readdirSync(path)
          .filter(name => name.endsWith('.distcp'))
          .at(-1)!,
      ),
    );
    await load(checkpoint, 'weight', { sharding });
    await rejects(() => load(checkpoint, 'weight'), CHANGED);
    checkpoint.close();
  });

  const operations: Record<string, (path: string, onProgress: () => void) => Promise<unknown>> = {
    stats: (path, onProgress) => checkpointStats(path, { onProgress }),
    diff: (path, onProgress) => diffCheckpoints(path, fixturePath('small_transformer'), { onProgress }),
    'diff, the other side': (path, onProgress) =>
      diffCheckpoints(fixturePath('small_transformer'), path, { onProgress }),
    extract: async (path, onProgress) => {
      const checkpoint = await openCheckpoint(path);
      checkpoint.close();
      const { fqn } = checkpoint.entries.find(({ kind }) => kind === 'tensor')!;
      return extractTensors(path, [fqn], join(scratch(), 'x.npy'), { onProgress });
    },
    'load of a state dict': async (path, onProgress) => {
      const checkpoint = await openCheckpoint(path);
      const { fqn } = checkpoint.entries.find(({ kind }) => kind === 'tensor')!;
      const value = await load(checkpoint, fqn);
      return loadStateDict({ [fqn]: value }, checkpoint, { onProgress });
    },
  };
  each(
    Object.keys(operations),
    name => `${name} fails`,
    async name => {
      const { path } = await kinds['a torch.save file']!();
      let count = 0;
      const change = (): void => {
        // Not before it is open.
        if (count++ > 0 || name.startsWith('load') || name === 'extract') touch(path);
      };
      await rejects(() => operations[name]!(path, change), CHANGED);
    },
  );
});
