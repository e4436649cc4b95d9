/** The known name that a mistyped one most likely meant; undefined where none is near. */
export function suggest(given: string, known: readonly string[]): string | undefined {
  const typed = normal(given);
  if (typed === '') return undefined;
  // A distance that is too far is not computed to its end: there may be a hundred thousand names.
  let least = Math.max(1, Math.floor(typed.length / 3)) + 1;
  let nearest: string | undefined;
  for (const name of known) {
    const distance = editDistance(typed, normal(name), least);
    if (distance >= least) continue;
    [least, nearest] = [distance, name];
  }
  if (nearest !== undefined) return nearest;
  const completed = known.filter(name => typed.length >= 2 && normal(name).startsWith(typed));
  return completed.length === 1 ? completed[0] : undefined;
}

/** Dashes, underscores and case are not what a person means to tell apart. */
function normal(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/**
 * Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment); `bound`
 * where there are so many or more.
 */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      }
      row.push(best);
    }
    rows.push(row);
    // Each step comes from one of the two rows before it, or from its own.
    if (Math.min(...row, ...rows[i - 1]!) >= bound) return bound;
  }
  return rows[a.length]![b.length]!;
}
