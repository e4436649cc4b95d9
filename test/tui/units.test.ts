import {
  formatBytes,
  formatCount,
  formatDuration,
  formatExactBytes,
  formatRate,
} from '../../src/tui/units.js';
import { is, suite } from '../suite.js';

const GIB = 1024 ** 3;

suite('units', ({ each }) => {
  each(
    [
      [0, '0 B'],
      [1, '1 B'],
      [1023, '1023 B'],
      [1024, '1.00 KiB'],
      [1536, '1.50 KiB'],
      [10_235, '10.0 KiB'],
      [102_290, '99.9 KiB'],
      [102_400, '100 KiB'],
      [1024 * 1023.4, '1023 KiB'],
      [1024 * 1023.9, '1.00 MiB'],
      [4 * GIB, '4.00 GiB'],
      [70e9, '65.2 GiB'],
      [1024 ** 4, '1.00 TiB'],
      [2 ** 53, '8.00 PiB'],
      [2000 * 1024 ** 5, '2000 PiB'],
    ] as const,
    ([bytes, text]) => `${bytes} bytes are ${text}`,
    ([bytes, text]) => is(formatBytes(bytes), text),
  );

  each(
    [
      [1, '1 byte'],
      [1023, '1,023 bytes'],
      [4 * GIB, '4.00 GiB (4,294,967,296 bytes)'],
    ] as const,
    ([, text]) => `exact: ${text}`,
    ([bytes, text]) => is(formatExactBytes(bytes), text),
  );

  each(
    [
      [formatCount(0), '0'],
      [formatCount(999), '999'],
      [formatCount(1000), '1,000'],
      [formatCount(123_456_789), '123,456,789'],
      [formatCount(Number.MAX_SAFE_INTEGER), '9,007,199,254,740,991'],
      [formatCount(0, 'tensor'), '0 tensors'],
      [formatCount(1, 'tensor'), '1 tensor'],
      [formatCount(2, 'index', 'indexes'), '2 indexes'],
      [formatRate(1.5 * GIB), '1.50 GiB/s'],
    ] as const,
    ([, text]) => text,
    ([found, text]) => is(found, text),
  );

  each(
    [
      [0, '0 s'],
      [0.001, '0.00 s'],
      [6, '6 s'],
      [0.994, '0.99 s'],
      [0.996, '1.0 s'],
      [9.94, '9.9 s'],
      [9.96, '10 s'],
      [59.4, '59 s'],
      [59.6, '1 min 00 s'],
      [185, '3 min 05 s'],
      [3599.6, '1 h 00 min'],
      [7620, '2 h 07 min'],
      [360_000, '100 h 00 min'],
    ] as const,
    ([seconds, text]) => `${seconds} seconds are ${text}`,
    ([seconds, text]) => is(formatDuration(seconds), text),
  );
});
