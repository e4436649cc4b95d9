import { openCheckpoint } from '../../src/index.js';
import { type NamedGlobal, namedGlobals, requireAcceptable } from '../../src/ops/safety.js';
import { fixturePath } from '../fixtures.js';
import { objectsOf } from '../goldens/golden-of-checkpoint.js';
import { type ExpectedError, equal, is, suite, throws } from '../suite.js';

suite('naming globals', ({ each }) => {
  each(
    [
      ['small_transformer', []],
      ['small_transformer_dcp', []],
      ['tensors_in_objects_dcp', [{ name: 'argparse.Namespace', dangerous: false, fqn: 'in_namespace' }]],
      ['training_run', [{ name: 'argparse.Namespace', dangerous: false }]],
      ['calls_os_system', [{ name: 'posix.system', dangerous: true }]],
      ['calls_os_system_dcp', [{ name: 'posix.system', dangerous: true, fqn: 'payload' }]],
      [
        'vanished_class_dcp',
        [{ name: 'vanished_package.config.TrainConfig', dangerous: false, fqn: 'config' }],
      ],
      [
        'numpy_big_endian_dcp',
        [
          { name: 'numpy._core.multiarray._reconstruct', dangerous: false, fqn: 'array' },
          { name: 'numpy._core.multiarray.scalar', dangerous: false, fqn: 'scalar' },
          { name: 'numpy.dtype', dangerous: false, fqn: 'array' },
          { name: 'numpy.ndarray', dangerous: false, fqn: 'array' },
        ],
      ],
    ] as [string, NamedGlobal[]][],
    ([name]) => name,
    async ([name, expected]) => {
      const checkpoint = await openCheckpoint(fixturePath(name));
      await checkpoint.loadObjects(objectsOf(checkpoint));
      equal(namedGlobals(checkpoint), expected);
      checkpoint.close();
    },
  );
});

suite('refusing globals', ({ each }) => {
  const safe: NamedGlobal = { name: 'a.Config', dangerous: false, fqn: 'config' };
  const unsafe: NamedGlobal = { name: 'os.system', dangerous: true, fqn: 'payload' };
  const rows: [
    name: string,
    globals: NamedGlobal[],
    allowUnsafe: boolean,
    strict: boolean,
    expected?: ExpectedError,
  ][] = [
    ['none', [], false, true],
    ['a class', [safe], false, false],
    [
      'a class, strictly',
      [safe],
      false,
      true,
      { code: 'unsupported', message: /weights_only list.*found a\.Config.*\[at config, in / },
    ],
    [
      'a function that runs commands',
      [safe, unsafe],
      false,
      false,
      { code: 'unsupported', message: /would run commands or code.*os\.system.*\[at payload, in / },
    ],
    ['the same, allowed', [safe, unsafe], true, false],
    ['the same, allowed, strictly', [unsafe], true, true],
    ['both, strictly', [safe, unsafe], false, true, { code: 'unsupported', message: /os\.system/ }],
    ['both, allowed, strictly', [safe, unsafe], true, true, { code: 'unsupported', message: /a\.Config/ }],
    [
      'one of the index',
      [{ name: 'os.system', dangerous: true }],
      false,
      false,
      { code: 'unsupported', message: /found os\.system\) \[in x\.pth\]$/ },
    ],
  ];
  each(
    rows,
    ([name]) => name,
    ([, globals, allowUnsafe, strict, expected]) => {
      const act = (): void => requireAcceptable('x.pth', globals, { allowUnsafe, strict });
      if (expected === undefined) is(act(), undefined);
      else throws(act, expected);
    },
  );
});
