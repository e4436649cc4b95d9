import { type GlobalVerdict, verdictOf, worseVerdict } from '../../src/torch/verdicts.js';
import { is, suite } from '../suite.js';

const ROWS: readonly (readonly [GlobalVerdict, readonly string[]])[] = [
  ['weights_only', ['torch._utils _rebuild_tensor_v2', 'collections OrderedDict', 'torch FloatStorage']],
  [
    'known',
    [
      'numpy.core.multiarray _reconstruct',
      'numpy._core.multiarray scalar',
      'torch.distributed.checkpoint.metadata Metadata',
      'torch.distributed.checkpoint.filesystem _StorageInfo',
      'torch.nn.modules.linear Linear',
      'torch.optim.adam Adam',
      'pathlib PosixPath',
      'argparse Namespace',
      '__torch__.models Net',
    ],
  ],
  [
    'unknown',
    [
      'my_model Config',
      'functools partial',
      'torch.nn.modules.linear relu',
      'torch.nn.modules.linear Linear.forward',
      'numpy.core.multiarray fromstring',
      'builtins type',
      'builtins map',
      'mylib.os system',
      'collections namedtuple',
    ],
  ],
  [
    'dangerous',
    [
      'os system',
      'builtins getattr',
      'torch os.system',
      'torch os',
      'mylib os.system',
      'pathlib os.system',
      'builtins print.__class__',
      'numpy.testing._private.utils runstring',
      'torch.distributed.checkpoint.metadata Metadata.__init__.__globals__',
      'my_model Config.__reduce__',
      'torch.storage _load_from_bytes',
    ],
  ],
];

suite('verdicts of globals', ({ each, test }) => {
  each(
    ROWS.flatMap(([verdict, names]) => names.map(name => [verdict, name] as const)),
    ([verdict, name]) => `${name}: ${verdict}`,
    ([verdict, name]) => {
      const [module, attribute] = name.split(' ');
      is(verdictOf(module!, attribute!), verdict);
    },
  );

  test('of two the worse counts', () => {
    is(worseVerdict('known', 'dangerous'), 'dangerous');
    is(worseVerdict('unknown', 'weights_only'), 'unknown');
  });
});
