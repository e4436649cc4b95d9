import { join } from 'node:path';
import { OutputDirectory } from '../../src/io/output-directory.js';
import { equal, suite } from '../suite.js';
import { type Call, isChange, watchingCalls } from './faults.js';
import { dcpNames } from './scenarios.js';
import { bytesOf, scratch, writeTree } from './scratch.js';

const files = { '__0_0.distcp': 'data', '.metadata': 'index' };

/** `link .metadata`, `syncDirectory`, …: what changed, with the last name in the path. */
function describe({ name, args }: Call): string {
  if (name === 'link' || name === 'unlink') return `${name} ${String(args.at(-1)).split('/').at(-1)}`;
  if (name === 'rename')
    return `${name} ${String(args[0])
      .split('/')
      .at(-1)
      ?.replace(/dcp-tmp.*/, 'dcp-tmp')}`;
  return name;
}

suite('io/merging: the order of changes', ({ test }) => {
  async function orderOf(path: string, force: boolean): Promise<string[]> {
    const output = OutputDirectory.create(path, { ...dcpNames, force });
    for (const [name, text] of Object.entries(files)) output.createFile(name).write(bytesOf(text), 0);
    const steps: string[] = [];
    await watchingCalls(
      call => {
        if (isChange(call)) steps.push(describe(call));
      },
      () => output.commit({ removeAfterwards: ['__9_0.distcp'] }),
    );
    return steps;
  }

  test('beside: files, names in the directory, the directory, its name', async () => {
    equal(await orderOf(join(scratch(), 'ckpt'), false), [
      'sync',
      'sync',
      'syncDirectory',
      'rename .ckpt.dcp-tmp',
      'syncDirectory',
    ]);
  });

  test('inside: each step is on the device before the next', async () => {
    const root = scratch();
    writeTree(root, {
      '.metadata': 'old',
      '__3.metadata': 'old',
      '__0_0.distcp': 'old',
      '__9_0.distcp': 'old',
    });
    equal(await orderOf(root, true), [
      'sync',
      'sync',
      'syncDirectory',
      // The old index goes.
      'mkdir',
      'link .dcp-linked',
      'rename __3.metadata',
      'rename .metadata',
      'syncDirectory',
      'syncDirectory',
      // Data goes and comes; the first link finds the name taken.
      'rename __9_0.distcp',
      'link __0_0.distcp',
      'rename __0_0.distcp',
      'link __0_0.distcp',
      'syncDirectory',
      'syncDirectory',
      // The new index comes.
      'link .metadata',
      'syncDirectory',
      // The rest is cleaning.
      'unlink .metadata',
      'unlink .dcp-linked',
      'unlink .metadata',
      'unlink __0_0.distcp',
      'unlink __3.metadata',
      'unlink __9_0.distcp',
      'rmdir',
      'unlink __0_0.distcp',
      'rmdir',
    ]);
  });
});
