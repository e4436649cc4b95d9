import { CorruptDataError, FormatError, withContext } from '../src/errors.js';
import { equal, is, suite, throws } from './suite.js';

suite('errors', ({ test }) => {
  test('a message holds what, expected, found and where', () => {
    const error = new CorruptDataError('CRC-32 of the record differs', {
      expected: '0a',
      found: '0b',
      byteOffset: 64,
    });
    error.addContext({ path: 'model.pth', entry: 'model/data/0' });
    is(
      error.message,
      'CRC-32 of the record differs (expected 0a, found 0b) [in model.pth, record model/data/0, byte 64]',
    );
    is(error.name, 'CorruptDataError');
  });

  test('the innermost context wins', () => {
    const error = throws(
      () =>
        withContext({ path: 'outer', fqn: 'w' }, () =>
          withContext({ path: 'inner' }, () => {
            throw new FormatError('bad');
          }),
        ),
      { code: 'format' },
    );
    equal({ ...error.context }, { path: 'inner', fqn: 'w' });
  });
});
