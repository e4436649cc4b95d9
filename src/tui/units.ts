/** Numbers as people read them: binary units, the same in every locale. */

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Three significant digits: `512 B`, `1.50 KiB`, `64.0 MiB`, `4.00 GiB`. */
export function formatBytes(byteCount: number): string {
  if (byteCount < 1024) return `${Math.round(byteCount)} B`;
  let value = byteCount;
  let unit = 0;
  // 1,023.7 would print as 1024 and belongs to the next unit.
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}

/** `4.00 GiB (4,294,967,296 bytes)`; below one KiB the number alone. */
export function formatExactBytes(byteCount: number): string {
  return byteCount < 1024
    ? formatCount(byteCount, 'byte')
    : `${formatBytes(byteCount)} (${formatCount(byteCount, 'byte')})`;
}

/** `1,234,567`; with a noun `1 tensor`, `2 tensors`. */
export function formatCount(count: number, noun?: string, plural = `${noun}s`): string {
  const digits = String(count).replace(/\B(?=(\d{3})+$)/g, ',');
  if (noun === undefined) return digits;
  return `${digits} ${count === 1 ? noun : plural}`;
}

/** `33 %`, `0.2 %`; what is not all is never 100 %. */
export function shareText(part: number, whole: number): string {
  if (whole === 0) return '';
  const percent = (part / whole) * 100;
  if (part === 0 || part === whole) return `${percent} %`;
  if (percent < 0.1) return '<0.1 %';
  return percent < 9.95 ? `${percent.toFixed(1)} %` : `${Math.min(99, Math.round(percent))} %`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `0.04 s`, `12 s`, `3 min 05 s`, `2 h 07 min`. */
export function formatDuration(seconds: number): string {
  if (Number.isInteger(seconds) && seconds < 60) return `${seconds} s`;
  if (seconds < 0.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/**
 * A number in about four significant digits: `0`, `-5.406`, `0.9998`, `123456`, `6.336e-5`. Whole numbers of up to
 * six digits are exact.
 */
export function formatNumber(value: number | bigint): string {
  const number = Number(value);
  if (Number.isInteger(number) && Math.abs(number) < 1e6) return String(number + 0);
  const magnitude = Math.abs(number);
  if (magnitude >= 1e-3 && magnitude < 1e6) {
    const digits = Math.max(0, 3 - Math.floor(Math.log10(magnitude)));
    return number.toFixed(Math.min(digits, 6));
  }
  return number.toExponential(3);
}
