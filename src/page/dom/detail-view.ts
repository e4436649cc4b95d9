import type { HtmlData } from '../../ops/html-data.js';
import { formatCount, formatExactBytes } from '../../tui/units.js';
import { type ChunkTile, chunkMap } from '../chunk-map.js';
import { shownName } from '../rows.js';
import { canvasColor, canvasColors, element, sizedCanvas } from './element.js';
import type { Tip } from './tip.js';

/** What an entry is, and where it lies: its chunks to scale and as a list. */
export class DetailView {
  readonly box = element('div', { className: 'detail' });
  private canvas: HTMLCanvasElement | undefined;
  private tiles: ChunkTile[] = [];
  private row = -1;

  constructor(
    private readonly data: HtmlData,
    private readonly tip: Tip,
  ) {
    this.box.append(element('p', {}, 'Choose an entry to see which file and rank hold which part of it.'));
  }

  show(row: number): void {
    this.row = row;
    this.canvas = undefined;
    const { entries, dtypeNames, shapes } = this.data;
    const shape = shapes[entries.shape[row]!];
    const size = formatExactBytes(entries.byteLength[row]!);
    const title = element('h3', { className: 'mono' }, shownName(entries.fqn[row]!));
    if (shape === undefined) {
      const value = entries.values.find(([of]) => of === row)?.[1] ?? 'The value is not at hand.';
      this.box.replaceChildren(title, element('pre', { className: 'mono' }, ...linesOf(value)));
      return;
    }
    const layout = this.layout;
    const counted = layout === undefined ? '' : `, ${formatCount(layout.length, 'chunk')}`;
    const what = `${dtypeNames[entries.dtype[row]!]![0]} [${shape.join(', ')}], ${size}${counted}`;
    this.box.replaceChildren(title, element('p', {}, what));
    if (layout === undefined || layout.length === 0) return;
    this.canvas = element('canvas');
    this.canvas.addEventListener('mousemove', event => this.hover(event));
    this.canvas.addEventListener('mouseleave', () => this.tip.hide());
    this.box.append(this.canvas, this.list(layout));
    this.draw();
  }

  draw(): void {
    const { canvas, layout, shape } = this;
    if (canvas === undefined || layout === undefined) return;
    const width = canvas.clientWidth;
    const map = chunkMap(shape, layout, width);
    this.tiles = map.tiles;
    const context = sizedCanvas(canvas, width, map.height);
    const colors = canvasColors();
    context.font = '12px system-ui, sans-serif';
    context.textBaseline = 'middle';
    for (const tile of map.tiles) {
      const { label, number } = this.holderOf(layout[tile.chunk]![0]!);
      context.fillStyle = colors[number % colors.length]!;
      context.fillRect(tile.x, tile.y, Math.max(1, tile.width - 1), Math.max(1, tile.height - 1));
      if (tile.width < 48 || tile.height < 15) continue;
      context.fillStyle = canvasColor('ink');
      context.fillText(label, tile.x + 5, tile.y + tile.height / 2, tile.width - 10);
    }
  }

  /** Files that hold some of the entry that is shown. */
  get files(): Set<number> {
    return new Set(this.layout?.map(([file]) => file!));
  }

  private get shape(): readonly number[] {
    return this.data.shapes[this.data.entries.shape[this.row]!] ?? [];
  }

  private get layout(): number[][] | undefined {
    return this.data.layouts[this.data.entries.layout[this.row]!];
  }

  private holderOf(file: number): { label: string; number: number } {
    const { rank, relativePath } = this.data.files[file] ?? { rank: null, relativePath: '' };
    return rank === null ? { label: relativePath, number: file } : { label: `rank ${rank}`, number: rank };
  }

  private hover(event: MouseEvent): void {
    const { offsetX: x, offsetY: y } = event;
    const tile = this.tiles.find(
      one => x >= one.x && x < one.x + one.width && y >= one.y && y < one.y + one.height,
    );
    const row = tile && this.layout?.[tile.chunk];
    if (row === undefined) {
      this.tip.hide();
      return;
    }
    this.tip.show(event, boxText(row, this.shape.length), [
      this.holderOf(row[0]!).label,
      this.data.files[row[0]!]?.relativePath ?? '',
    ]);
  }

  private list(layout: readonly number[][]): HTMLElement {
    const table = element(
      'table',
      {},
      element('tr', {}, ...['box', 'rank', 'file'].map(head => element('th', {}, head))),
    );
    for (const row of layout.slice(0, MAX_LISTED)) {
      const file = this.data.files[row[0]!];
      table.append(
        element(
          'tr',
          { className: 'mono' },
          ...[boxText(row, this.shape.length), String(file?.rank ?? ''), file?.relativePath ?? ''].map(cell =>
            element('td', {}, cell),
          ),
        ),
      );
    }
    const rest = layout.length - MAX_LISTED;
    const more = rest > 0 ? [element('p', {}, `and ${formatCount(rest)} more`)] : [];
    return element('div', { className: 'chunks' }, table, ...more);
  }
}

const MAX_LISTED = 256;

/** `[0:128, 64:256]`, half open, as Python slices. */
function boxText(row: readonly number[], dimensionCount: number): string {
  const parts = Array.from({ length: dimensionCount }, (_, d) => {
    const offset = row[1 + d]!;
    return `${offset}:${offset + row[1 + dimensionCount + d]!}`;
  });
  return `[${parts.join(', ')}]`;
}

/** Lines of a value: each made safe on its own, so that line ends stay. */
function linesOf(value: string): (Node | string)[] {
  return value.split('\n').flatMap((line, i) => (i === 0 ? [line] : [document.createElement('br'), line]));
}
