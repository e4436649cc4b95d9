import { join } from 'node:path';
import { PyDict } from '../../src/pickle/dict.js';
import { PyGlobal, PyObject, PyTuple } from '../../src/pickle/values.js';
import { scratch } from '../io/scratch.js';
import { is, ok, suite } from '../suite.js';
import { craftTensor, writeTorchFile } from './craft.js';
import { convertArguments, inParallel, runDcp, succeeds } from './run-dcp.js';

const FOUR = new Uint8Array(16);

suite('faults: names that talk to the terminal', ({ test }) => {
  const EVIL = 'w\u001b[2J\u001b]0;owned\u0007\u202eexe\u009b31m\nok';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not get out.
  const UNSAFE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

  const requirePlain = (text: string): void => {
    is(UNSAFE.test(text), false, JSON.stringify(text));
    ok(text.includes('w\\x1b[2J') || text.includes('w\\u001b[2J'), text);
  };

  test('in reports, tables and errors, as text and as JSON', async () => {
    const root = scratch({ inMemory: true });
    const good = writeTorchFile(
      join(root, 'good.pth'),
      PyDict.of([
        [EVIL, craftTensor({ size: [4] })],
        ['o', new PyObject('reduce', new PyGlobal('evil', 'w\u001b[2J'), new PyTuple([]))],
        ['s', EVIL],
      ]),
      [FOUR],
    );
    const bad = writeTorchFile(join(root, 'bad.pth'), PyDict.of([[EVIL, craftTensor({ size: [5] })]]), [
      FOUR,
    ]);
    const out = join(root, 'out');
    const runs: [args: string[], exitCode: number][] = [
      [['inspect', good], 0],
      [convertArguments('torch_to_dcp', good, out), 0],
      [convertArguments('torch_to_dcp', good, join(root, 'strict'), '--strict'), 2],
      [convertArguments('torch_to_dcp', bad, join(root, 'bad'), '--json'), 2],
      [convertArguments('torch_to_dcp', join(root, EVIL), join(root, 'none')), 2],
    ];
    await inParallel(runs, async ([args, exitCode]) => {
      const ending = await runDcp(args);
      is(ending.exitCode, exitCode, ending.stderr);
      requirePlain(ending.stdout + ending.stderr);
    });
  });

  test('JSON gives the name back', async () => {
    const root = scratch({ inMemory: true });
    const source = writeTorchFile(join(root, 'x.pth'), PyDict.of([[EVIL, craftTensor({ size: [4] })]]), [
      FOUR,
    ]);
    const { entries } = await succeeds(['inspect', source]);
    is((entries as { fqn: string }[])[0]!.fqn, EVIL);
  });
});
