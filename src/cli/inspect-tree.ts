import { type EntryOrder, sortRows } from '../ops/entry-order.js';
import { type FoldedRow, foldNames } from '../ops/fold.js';
import type { InspectedEntry } from '../ops/inspect.js';
import { nameTree, type TreeNode } from '../ops/name-tree.js';
import { displayWidth, padEnd, padStart } from '../tui/text-width.js';
import { formatBytes, formatCount } from '../tui/units.js';
import { nameCell, shapeText } from './inspect-table.js';
import type { Style } from './style.js';

export interface TreeTextOptions {
  /** Of the terminal; undefined: as wide as need be. */
  columns: number | undefined;
  /** Whether branches can be drawn. In a pipe they are not: a line would change with its neighbours. */
  branches: boolean;
  /** Whether the sign for "times" can be shown. */
  unicode: boolean;
  sort: EntryOrder | undefined;
  style: Style;
}

type Row = FoldedRow<InspectedEntry>;

/** A line of the tree, in cells. */
interface Line {
  /** What stands in front of the name: branches, or blanks. */
  indent: string;
  name: string;
  /** Of an object. */
  value?: string | undefined;
  /** `group`: others are below it. */
  kind: 'group' | 'tensor' | 'object';
  cells: string[];
}

/** Columns behind the name. Those of the lowest number go first where the terminal is too narrow. */
const CELLS: readonly { title: string; align: 'left' | 'right'; dropped: number }[] = [
  { title: 'shape', align: 'left', dropped: 1 },
  { title: 'dtype', align: 'left', dropped: 2 },
  { title: '', align: 'left', dropped: 3 },
  { title: 'size', align: 'right', dropped: 4 },
];
const GAP = '  ';
const UNLIMITED = Number.POSITIVE_INFINITY;
/** The name keeps so much of a terminal before a column is dropped. */
const NAME_MIN = 18;
/** Longer names push the rest of their own line aside, and no other. */
const NAME_MAX = 60;

/** The archive around a small object takes a kilobyte, which says nothing of it. */
const LARGE_OBJECT = 4096;

/** The entries as a tree in which equal layers are one line: `layers.{0..31}.wq  [4096, 4096]  bf16  ×32  1.00 GiB`. */
export function treeLines(entries: readonly InspectedEntry[], options: TreeTextOptions): string[] {
  const rows = foldNames(entries, ({ fqn, kind, dtype, size, value }) => ({
    name: fqn,
    signature: kind === 'tensor' ? `${dtype} ${size!.join()}` : `= ${value ?? ''}`,
  }));
  const lines = new TreePrinter(options).lines(sized(nameTree(rows)));
  return laidOut(lines, options);
}

/** A node, and what it and all below it come to. */
interface SizedNode extends Omit<TreeNode<Row>, 'children'> {
  children: SizedNode[];
  byteLength: number;
  /** The type of most of its bytes. */
  dtype: string | undefined;
}

function sized(node: TreeNode<Row>): SizedNode {
  const children = node.children.map(sized);
  const own = node.rows.map(({ items }) => ({
    byteLength: items.reduce((sum, { byteLength }) => sum + byteLength, 0),
    dtype: items[0]!.dtype,
  }));
  const parts = [...own, ...children];
  const most = parts.reduce<(typeof own)[number] | undefined>(
    (best, part) => (best === undefined || part.byteLength > best.byteLength ? part : best),
    undefined,
  );
  return {
    ...node,
    children,
    byteLength: parts.reduce((sum, { byteLength }) => sum + byteLength, 0),
    dtype: most?.dtype,
  };
}

class TreePrinter {
  private readonly out: Line[] = [];

  constructor(private readonly options: TreeTextOptions) {}

  lines(root: SizedNode): Line[] {
    this.rows(root, '');
    for (const child of this.sorted(root.children)) this.node(child, { own: '', below: '' });
    return this.out;
  }

  private sorted(nodes: readonly SizedNode[]): readonly SizedNode[] {
    const { sort } = this.options;
    return sort === undefined ? nodes : sortRows(nodes, sort, node => node);
  }

  /** `own` stands in front of the name, `below` in front of what is below it. */
  private node(node: SizedNode, { own, below }: Indent): void {
    if (node.rows.length > 0) this.rows(node, own);
    else {
      const cells = ['', '', '', formatBytes(node.byteLength)];
      this.out.push({ indent: own, name: node.name, kind: 'group', cells });
    }
    const children = this.sorted(node.children);
    for (const [i, child] of children.entries()) {
      const step = this.options.branches ? (i === children.length - 1 ? LAST_BRANCH : BRANCH) : BLANKS;
      this.node(child, { own: below + step.own, below: below + step.below });
    }
  }

  private rows({ name, rows }: SizedNode, indent: string): void {
    for (const { items } of rows) {
      const { kind, size, dtypeShort = '', value } = items[0]!;
      const byteLength = items.reduce((sum, item) => sum + item.byteLength, 0);
      const isSmall = kind === 'object' && items.every(item => item.byteLength < LARGE_OBJECT);
      const times = this.options.unicode ? '\u00d7' : 'x';
      const cells = [
        size === undefined ? '' : shapeText(size),
        dtypeShort,
        items.length === 1 ? '' : `${times}${formatCount(items.length)}`,
        isSmall ? '' : formatBytes(byteLength),
      ];
      this.out.push({ indent, name, value, kind, cells });
    }
  }
}

interface Indent {
  own: string;
  below: string;
}

const BLANKS: Indent = { own: '  ', below: '  ' };
const BRANCH: Indent = { own: '\u251c\u2500 ', below: '\u2502  ' };
const LAST_BRANCH: Indent = { own: '\u2514\u2500 ', below: '   ' };

/** Lines with their cells below each other, under titles. */
function laidOut(lines: readonly Line[], { columns: terminalColumns, style }: TreeTextOptions): string[] {
  const widths = CELLS.map(({ title }, i) =>
    lines.some(({ cells }) => cells[i] !== '')
      ? lines.reduce((width, { cells }) => Math.max(width, cells[i]!.length), title.length)
      : 0,
  );
  // Values of objects go on into the columns, which are empty there.
  const longest = lines.reduce(
    (width, { indent, name }) => Math.max(width, displayWidth(indent + name)),
    NAME_MIN,
  );
  let shown = CELLS.map((cell, i) => ({ ...cell, i, width: widths[i]! })).filter(({ width }) => width > 0);
  const taken = (): number => shown.reduce((sum, { width }) => sum + GAP.length + width, 0);
  if (terminalColumns !== undefined) {
    while (shown.length > 0 && terminalColumns - taken() < NAME_MIN) {
      const next = Math.min(...shown.map(({ dropped }) => dropped));
      shown = shown.filter(({ dropped }) => dropped !== next);
    }
  }
  const nameWidth = Math.min(longest, terminalColumns === undefined ? NAME_MAX : terminalColumns - taken());
  const rest = (cells: readonly string[]): string =>
    shown
      .map(
        ({ align, i, width }) =>
          GAP + (align === 'right' ? padStart(cells[i]!, width) : padEnd(cells[i]!, width)),
      )
      .join('');
  const title = padEnd('name', nameWidth) + rest(CELLS.map(cell => cell.title));
  return [
    style.dim(title.trimEnd()),
    ...lines.map(line => {
      const cells = rest(line.cells).trimEnd();
      const room = terminalColumns === undefined ? UNLIMITED : cells === '' ? terminalColumns : nameWidth;
      const { indent, name: fqn, value } = line;
      const name = nameCell({ fqn, value }, Math.max(1, room - displayWidth(indent)));
      const padding = cells === '' ? '' : ' '.repeat(Math.max(0, nameWidth - displayWidth(indent + name)));
      return coloured(line, name, padding + cells, style);
    }),
  ];
}

/** Groups are bold, what is folded has the colour of folding, objects step back. */
function coloured({ indent, kind }: Line, name: string, cells: string, style: Style): string {
  if (kind === 'object') return style.dim(indent + name + cells);
  const folded = name.replace(/\{[\d.,]+\}/g, set => style.folded(set));
  const counted = cells.replace(/[x\u00d7][\d,]+/, count => style.folded(count));
  return style.dim(indent) + (kind === 'group' ? style.bold(folded) : folded) + counted;
}
