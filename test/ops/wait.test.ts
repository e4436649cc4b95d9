import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dcpToTorchSave, waitForCheckpoint } from '../../src/index.js';
import { copyFixture, fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, rejects, suite } from '../suite.js';

/** A copy of a fixture as it is while torch saves it: all but the index. Returns its path, and what ends the save. */
function saving(): { path: string; complete(): void } {
  const path = copyFixture('uneven_shards', scratch({ inMemory: true }));
  renameSync(join(path, '.metadata'), join(path, '.metadata.tmp'));
  return { path, complete: () => renameSync(join(path, '.metadata.tmp'), join(path, '.metadata')) };
}

const soon = (action: () => void): void => void setTimeout(action, 30);
const WAIT = { timeoutMs: 60_000, pollMs: 5 };

suite('waiting for a save', ({ test }) => {
  test('ends when the index is there', async () => {
    const { path, complete } = saving();
    soon(complete);
    await waitForCheckpoint(path, WAIT);
    is((await dcpToTorchSave(path, join(scratch(), 'out.pth'))).status, 'converted');
  });

  test('ends at once where the checkpoint is whole', async () => {
    await waitForCheckpoint(fixturePath('uneven_shards'), { timeoutMs: 0 });
    await waitForCheckpoint(fixturePath('small_transformer'), { timeoutMs: 0 });
  });

  test('the directory need not be there yet, nor every data file', async () => {
    const path = join(scratch({ inMemory: true }), 'step-1');
    soon(() => {
      mkdirSync(path);
      cpSync(fixturePath('uneven_shards'), path, {
        recursive: true,
        filter: source => !source.endsWith('__1_0.distcp'),
      });
      soon(() => cpSync(join(fixturePath('uneven_shards'), '__1_0.distcp'), join(path, '__1_0.distcp')));
    });
    await waitForCheckpoint(path, WAIT);
  });

  test('all ranks’ own indexes are waited for', async () => {
    const path = copyFixture('rank_metadata', scratch({ inMemory: true }), '2.14.1');
    rmSync(join(path, '__3.metadata'));
    soon(() =>
      cpSync(join(fixturePath('rank_metadata', '2.14.1'), '__3.metadata'), join(path, '__3.metadata')),
    );
    await waitForCheckpoint(path, WAIT);
  });

  test('when the time is over, what still lacks is said', async () => {
    const { path } = saving();
    const error = await rejects(() => waitForCheckpoint(path, { timeoutMs: 20, pollMs: 5 }), {
      code: 'file',
      message: /not complete in the time to wait.*within 0\.02 s.*in progress/,
    });
    is(error.context.path, path);
    await rejects(() => waitForCheckpoint(join(path, 'none'), { timeoutMs: 0 }), {
      code: 'file',
      message: /nothing at this path/,
    });
  });

  test('an index that is there and wrong is not waited for', async () => {
    const path = copyFixture('uneven_shards', scratch({ inMemory: true }));
    cpSync(join(path, '__0_0.distcp'), join(path, '.metadata'));
    await rejects(() => waitForCheckpoint(path, WAIT), { code: 'format', message: /not a pickle/ });
  });

  test('the signal ends it', async () => {
    const { path } = saving();
    const controller = new AbortController();
    soon(() => controller.abort());
    await rejects(() => waitForCheckpoint(path, { ...WAIT, signal: controller.signal }), {
      code: 'interrupted',
    });
  });

  test('a conversion waits first, and says so', async () => {
    const { path, complete } = saving();
    const phases: string[] = [];
    soon(complete);
    await dcpToTorchSave(path, join(scratch(), 'out.pth'), {
      waitMs: 60_000,
      onProgress: ({ phase }) => phases.push(phase),
    });
    equal([...new Set(phases)], ['wait', 'open', 'plan', 'copy', 'finish']);
  });
});
