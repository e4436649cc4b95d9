import { encodeNpyHeader } from '../../src/npy/header.js';
import { equal, suite, throws } from '../suite.js';
import { numpyGoldens } from './goldens.js';

suite('the header of a .npy file', ({ each, test }) => {
  each(
    numpyGoldens.headers,
    ({ type, shape }) => `${type} [${shape.join(', ')}] as numpy writes it`,
    ({ type, shape, header }) => equal(Buffer.from(encodeNpyHeader(type, shape)).toString('latin1'), header),
  );

  test('more dimensions than numpy has', () => {
    throws(() => encodeNpyHeader('<f4', new Array(65).fill(1)), {
      code: 'unsupported',
      message: /64 at most/,
    });
  });
});
