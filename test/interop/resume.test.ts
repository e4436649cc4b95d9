import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { torchSaveToDcp } from '../../src/index.js';
import { scratch } from '../io/scratch.js';
import { equal, match, ok, suite } from '../suite.js';
import { python } from './judge.js';

const script = fileURLToPath(new URL('../../../test/interop/resume_fsdp2.py', import.meta.url));

interface Trained {
  error?: string;
  steps: number[];
  parameters: Record<string, number[]>;
}

async function run(command: 'train' | 'resume', path: string): Promise<Trained> {
  const { stdout } = await promisify(execFile)(python(), [script, command, path]);
  return JSON.parse(stdout) as Trained;
}

suite('interop: an FSDP2 training goes on from a plain one', ({ test }) => {
  const directory = scratch();
  const source = join(directory, 'plain.pth');

  test('with --optim-keys fqn its fourth step is that of the plain one; without, torch misses the states', async () => {
    const plain = await run('train', source);
    const [keyed, numbered] = [join(directory, 'keyed'), join(directory, 'numbered')];
    await torchSaveToDcp(source, keyed, { optimKeys: 'fqn' });
    await torchSaveToDcp(source, numbered);
    const [resumed, lost] = await Promise.all([run('resume', keyed), run('resume', numbered)]);
    equal(resumed.steps, plain.steps);
    equal([...new Set(resumed.steps)], [4]);
    equal(Object.keys(resumed.parameters), Object.keys(plain.parameters));
    for (const [fqn, values] of Object.entries(plain.parameters)) {
      const furthest = Math.max(...values.map((value, i) => Math.abs(value - resumed.parameters[fqn]![i]!)));
      ok(furthest < 1e-5, `${fqn} is ${furthest} away`);
    }
    match(lost.error ?? '', /Missing key in checkpoint state_dict: optim\.state\.0\.weight/);
  });

  test('a resharded one goes on too', async () => {
    const target = join(directory, 'resharded');
    await torchSaveToDcp(source, target, { optimKeys: 'fqn', ranks: 3 });
    equal([...new Set((await run('resume', target)).steps)], [4]);
  });
});
