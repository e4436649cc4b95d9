/** The known name that a mistyped one most likely meant; undefined where none is near. */
export function suggest(given: string, known: readonly string[]): string | undefined {
  const typed = normal(given);
  if (typed === '') return undefined;
  const ranked = known
    .map(name => ({ name, distance: editDistance(typed, normal(name)) }))
    .sort((a, b) => a.distance - b.distance);
  const nearest = ranked[0];
  if (nearest !== undefined && nearest.distance <= Math.max(1, Math.floor(typed.length / 3)))
    return nearest.name;
  const completed = known.filter(name => typed.length >= 2 && normal(name).startsWith(typed));
  return completed.length === 1 ? completed[0] : undefined;
}

/** Dashes, underscores and case are not what a person means to tell apart. */
function normal(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment). */
function editDistance(a: string, b: string): number {
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
  }
  return rows[a.length]![b.length]!;
}
