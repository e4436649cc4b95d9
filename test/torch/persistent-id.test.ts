import { PyGlobal, PyStr, type PyValue } from '../../src/pickle/values.js';
import { decodePersistentId } from '../../src/torch/persistent-id.js';
import { type ExpectedError, equal, suite, throws } from '../suite.js';
import { tuple } from './hand-made.js';

const FLOAT = new PyGlobal('torch', 'FloatStorage');
const plain = {
  kind: 'storage',
  classModule: 'torch',
  className: 'FloatStorage',
  key: '0',
  location: 'cuda:1',
  elementCount: 6,
};
const view = { key: '9', offset: 2, elementCount: 3 };

suite('persistent ids of torch', ({ each }) => {
  const rows: [what: string, id: PyValue, expected: unknown][] = [
    ['a storage of a zip archive', tuple('storage', FLOAT, '0', 'cuda:1', 6), plain],
    ['of the older container', tuple('storage', FLOAT, '0', 'cuda:1', 6, null), plain],
    ['with a part', tuple('storage', FLOAT, '0', 'cuda:1', 6, tuple('9', 2, 3)), { ...plain, view }],
    [
      'of str that are fetched twice',
      tuple(new PyStr('storage'), FLOAT, new PyStr('0'), new PyStr('cuda:1'), 6),
      plain,
    ],
    ['as the text of protocol 0', "('storage', <class 'torch.FloatStorage'>, '0', 'cuda:1', 6)", plain],
    ['the same, older container', "('storage', <class 'torch.FloatStorage'>, '0', 'cuda:1', 6, None)", plain],
    [
      'the same, with a part',
      "('storage', <class 'torch.FloatStorage'>, '0', 'cuda:1', 6, ('9', 2, 3))",
      { ...plain, view },
    ],
    [
      'an untyped storage as text',
      "('storage', <class 'torch.storage.UntypedStorage'>, '0', 'cuda:1', 6)",
      { ...plain, classModule: 'torch.storage', className: 'UntypedStorage' },
    ],
    ['a class', tuple('module', FLOAT, 'a.py', 'source'), { kind: 'class', class: FLOAT }],
    ['a class without source', tuple('module', FLOAT, null, null), { kind: 'class', class: FLOAT }],
  ];
  each(
    rows,
    ([what]) => what,
    ([, id, expected]) => equal(decodePersistentId(id), expected),
  );

  const refused: [what: string, id: PyValue, expected: ExpectedError][] = [
    ['other text', '94031', { code: 'unsupported', message: /not a storage/ }],
    ['a number', 7, { code: 'unsupported', message: /not a storage/ }],
    [
      'text with an escape, which would have to be guessed',
      "('storage', <class 'torch.FloatStorage'>, 'a\\'b', 'cpu', 6)",
      { code: 'unsupported', message: /not a storage/ },
    ],
    [
      'text with a count beyond 2^53',
      "('storage', <class 'torch.FloatStorage'>, '0', 'cpu', 99999999999999999999)",
      { code: 'format', message: /does not write/ },
    ],
  ];
  each(
    refused,
    ([what]) => `refuses ${what}`,
    ([, id, expected]) => throws(() => decodePersistentId(id), expected),
  );
});
