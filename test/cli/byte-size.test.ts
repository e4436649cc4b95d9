import { parseByteSize } from '../../src/cli/byte-size.js';
import { is, suite, throws } from '../suite.js';

suite('cli/byte-size', ({ each }) => {
  each(
    [
      ['5GB', 5_000_000_000],
      ['1000', 1000],
      ['7b', 7],
      ['1.5 kb', 1500],
      ['2GiB', 2 ** 31],
      ['512mib', 2 ** 29],
      ['0.1KiB', 102],
    ] as [string, number][],
    ([text]) => text,
    ([text, byteLength]) => is(parseByteSize(text, 'max-shard-size'), byteLength),
  );

  each(
    ['', '0', '0.1', '-1GB', '5 GBs', 'GB', '1e9', '5G', '9999999TB', 'Infinity'],
    text => `refuses ${JSON.stringify(text)}`,
    text =>
      void throws(() => parseByteSize(text, 'max-shard-size'), {
        code: 'usage',
        message: /--max-shard-size is not/,
      }),
  );
});
