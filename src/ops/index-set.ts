/** Runs shorter than this are written out: `{0,1}`, but `{0..2}`. */
const MIN_RUN = 3;
/** Numbers so far apart are written as steps only where there are this many: `{1..37..9}`. */
const MIN_STEPS = 4;

/**
 * A set of whole numbers in the notation of shells: `{0..31}`, with gaps `{0..3,5}`, in steps `{1..37..9}`. One
 * number stands alone. `numbers` must rise.
 */
export function indexSetText(numbers: readonly number[]): string {
  if (numbers.length === 1) return String(numbers[0]);
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    const first = numbers[i]!;
    const step = (numbers[i + 1] ?? first) - first;
    const count = runLength(numbers, i, step);
    if (count >= (step === 1 ? MIN_RUN : MIN_STEPS)) {
      parts.push(`${first}..${numbers[i + count - 1]!}${step === 1 ? '' : `..${step}`}`);
      i += count;
    } else {
      parts.push(String(first));
      i++;
    }
  }
  return `{${parts.join(',')}}`;
}

/** How many numbers from `start` on are `step` apart. */
function runLength(numbers: readonly number[], start: number, step: number): number {
  let count = 1;
  while (step > 0 && numbers[start + count] === numbers[start]! + count * step) count++;
  return count;
}
