/** What has no element type of its own colour: objects, and types with few bytes. */
export const OTHER_COLOUR = 7;

export interface LegendEntry {
  name: string;
  colour: number;
}

/** Colours of element types. */
export interface TypeColours {
  of(dtype: string): number;
  legend: readonly LegendEntry[];
}

/**
 * A colour for each of the types with most bytes; no two have the same, so the others share one.
 * @param dtypes the type with most bytes first
 */
export function typeColours(dtypes: readonly string[], hasObjects: boolean): TypeColours {
  const own = dtypes.slice(0, dtypes.length > OTHER_COLOUR ? OTHER_COLOUR - 1 : OTHER_COLOUR);
  const others = dtypes.length - own.length;
  const rest = [...(others > 0 ? [`${others} other types`] : []), ...(hasObjects ? ['objects'] : [])];
  return {
    of: dtype => {
      const colour = own.indexOf(dtype);
      return colour === -1 ? OTHER_COLOUR : colour;
    },
    legend: [
      ...own.map((name, colour) => ({ name, colour })),
      ...(rest.length === 0 ? [] : [{ name: rest.join(', '), colour: OTHER_COLOUR }]),
    ],
  };
}
