/** Where things are on the screen, in columns and rows. */
export interface Geometry {
  /** Below this there is nothing to see but a word. */
  readonly isTiny: boolean;
  /** 0: not shown. */
  readonly treeWidth: number;
  readonly detailWidth: number;
  /** Rows of both, between the first line and the last one. */
  readonly bodyHeight: number;
}

export type Pane = 'tree' | 'detail';

const MIN_COLUMNS = 24;
const MIN_ROWS = 6;
/** Narrower, one pane has all the room. */
const SPLIT_COLUMNS = 72;
const MIN_TREE_WIDTH = 34;
const MAX_TREE_WIDTH = 84;
const TREE_SHARE = 0.44;

export function geometryOf(columns: number, rows: number, pane: Pane): Geometry {
  const bodyHeight = Math.max(1, rows - 2);
  const isTiny = columns < MIN_COLUMNS || rows < MIN_ROWS;
  if (columns < SPLIT_COLUMNS) {
    return {
      isTiny,
      treeWidth: pane === 'tree' ? columns : 0,
      detailWidth: pane === 'detail' ? columns : 0,
      bodyHeight,
    };
  }
  const treeWidth = Math.min(MAX_TREE_WIDTH, Math.max(MIN_TREE_WIDTH, Math.floor(columns * TREE_SHARE)));
  // Between the two stands a line with a blank on its right.
  return { isTiny, treeWidth, detailWidth: columns - treeWidth - 2, bodyHeight };
}
