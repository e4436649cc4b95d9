import { UsageError } from '../errors.js';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

/**
 * The bytes that a text such as `5GB`, `500 MiB` or `1000000` means. As on the Hugging Face hub, `GB` are powers of
 * ten and `GiB` powers of two.
 * @throws UsageError naming the option.
 */
export function parseByteSize(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = UNITS[match?.[2]?.toLowerCase() ?? 'none'];
  const byteLength = match === null || unit === undefined ? Number.NaN : Math.floor(Number(match[1]) * unit);
  if (Number.isSafeInteger(byteLength) && byteLength > 0) return byteLength;
  throw new UsageError(`--${option} is not a size`, {
    expected: 'a number with a unit, such as 5GB, 500MB or 2GiB',
    found: text === '' ? 'nothing' : text,
  });
}
