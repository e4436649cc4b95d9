import { formatBytes, formatCount, shareText } from '../../tui/units.js';
import { fittedText } from '../fitted-text.js';
import { shownName } from '../rows.js';
import type { ByteNode } from '../tree.js';
import { TITLE_HEIGHT, type Tile, tileAt, titleHeight, treemap } from '../treemap.js';
import { OTHER_COLOUR } from '../type-colours.js';
import { button, canvasColor, canvasColors, element, sizedCanvas, swatch } from './element.js';
import type { Tip } from './tip.js';

/** How tiles are coloured: by one of several properties of an entry. */
export interface Colouring {
  label: string;
  names: readonly { name: string; colour: number }[];
  /** The colour of an entry. */
  of: (row: number) => number;
}

const MIN_HEIGHT = 260;
const MAX_HEIGHT = 460;
const FONT = '12px system-ui, sans-serif';
/** Tiles with less room have no text. */
const MIN_TEXT = { width: 44, height: 18 };

/** The treemap: hover tells what a tile is, a click goes into a group or chooses an entry. */
export class TreemapView {
  readonly section = element('section', { id: 'treemap' }, element('h2', {}, 'Bytes by name'));
  private readonly canvas = element('canvas');
  private readonly crumbs = element('div', { className: 'crumbs grow' });
  private readonly legend = element('p', { className: 'legend' });
  private tiles: Tile[] = [];
  private way: ByteNode[];
  private colouring: Colouring;

  constructor(
    root: ByteNode,
    private readonly colourings: readonly Colouring[],
    private readonly tip: Tip,
    private readonly onChoose: (row: number) => void,
  ) {
    this.way = [root];
    this.colouring = colourings[0]!;
    const choice = element('select');
    choice.setAttribute('aria-label', 'Colours tell');
    for (const { label } of colourings) choice.append(element('option', {}, label));
    choice.addEventListener('change', () => {
      this.colouring = this.colourings[choice.selectedIndex]!;
      this.draw();
    });
    this.canvas.setAttribute('role', 'img');
    this.canvas.setAttribute(
      'aria-label',
      'Treemap of the bytes by name; the table below has the same numbers',
    );
    this.section.append(
      element('div', { className: 'tools' }, this.crumbs, element('span', {}, 'colour: ', choice)),
      this.canvas,
      this.legend,
    );
    this.canvas.addEventListener('mousemove', event => this.hover(event));
    this.canvas.addEventListener('mouseleave', () => this.tip.hide());
    this.canvas.addEventListener('click', event => this.click(event));
  }

  draw(): void {
    const node = this.way.at(-1)!;
    const width = this.canvas.clientWidth;
    const height = Math.round(Math.min(MAX_HEIGHT, Math.max(MIN_HEIGHT, width * 0.45)));
    const context = sizedCanvas(this.canvas, width, height);
    this.tiles = treemap(node, { width, height });
    const colors = canvasColors();
    const [back, ink, text] = [canvasColor('card'), canvasColor('ink'), canvasColor('text')];
    context.font = FONT;
    context.textBaseline = 'middle';
    for (const tile of this.tiles) {
      const { x, y, width: w, height: h, isOpen } = tile;
      if (isOpen) {
        context.fillStyle = canvasColor('line');
        context.fillRect(x, y, w, h);
        context.fillStyle = back;
        context.fillRect(x + 0.5, y + 0.5, w - 1, h - 1);
        if (titleHeight(tile) > 0) this.label(context, tile, TITLE_HEIGHT, text);
        continue;
      }
      const colour = this.colourOf(tile.node);
      context.fillStyle = colors[colour % colors.length]!;
      const gap = w > 3 && h > 3 ? 1 : 0;
      context.fillRect(x, y, Math.max(w - gap, 0.5), Math.max(h - gap, 0.5));
      if (w >= MIN_TEXT.width && h >= MIN_TEXT.height) this.label(context, tile, Math.min(h, 22), ink);
    }
    this.crumbs.replaceChildren(...this.way.flatMap((step, i) => this.crumb(step, i)));
    this.legend.replaceChildren(
      ...this.colouring.names.map(({ name, colour }) => element('span', {}, swatch(colour), name)),
    );
  }

  /** A group has the colour of most of its bytes. */
  private colourOf(node: ByteNode): number {
    let largest = node;
    while (largest.children.length > 0) largest = largest.children[0]!;
    return largest.row === -1 ? OTHER_COLOUR : this.colouring.of(largest.row);
  }

  private label(
    context: CanvasRenderingContext2D,
    { x, y, width, node }: Tile,
    height: number,
    color: string,
  ): void {
    context.fillStyle = color;
    const size = formatBytes(node.byteLength);
    const room = width - 8;
    const name = fittedText(shownName(node.name), room, text => context.measureText(text).width);
    if (name === '') return;
    context.fillText(name, x + 4, y + height / 2 + 1);
    const nameWidth = context.measureText(name).width;
    if (nameWidth + context.measureText(size).width + 16 > room) return;
    context.globalAlpha = 0.7;
    context.fillText(size, x + 4 + nameWidth + 8, y + height / 2 + 1);
    context.globalAlpha = 1;
  }

  private crumb(node: ByteNode, i: number): (Node | string)[] {
    const label = i === 0 ? 'all' : node.name;
    const isHere = i === this.way.length - 1;
    const made = isHere
      ? element('b', {}, `${label}  ${formatBytes(node.byteLength)}`)
      : button(label, () => {
          this.way = this.way.slice(0, i + 1);
          this.draw();
        });
    return i === 0 ? [made] : [' › ', made];
  }

  private tileUnder(event: MouseEvent): Tile | undefined {
    return tileAt(this.tiles, event.offsetX, event.offsetY);
  }

  private hover(event: MouseEvent): void {
    const tile = this.tileUnder(event);
    this.canvas.style.cursor = tile === undefined ? 'default' : 'pointer';
    if (tile === undefined) {
      this.tip.hide();
      return;
    }
    const { path, byteLength, count, row } = tile.node;
    const total = this.way[0]!.byteLength;
    const counted = row === -1 ? formatCount(count, 'entry', 'entries') : 'one entry';
    this.tip.show(event, path === '' ? 'all' : path, [
      `${formatBytes(byteLength)}, ${shareText(byteLength, total)} of all`,
      counted,
    ]);
  }

  /** Into the group next below that the pointer is in. */
  private click(event: MouseEvent): void {
    const tile = this.tileUnder(event);
    if (tile === undefined) return;
    this.tip.hide();
    if (tile.node.row !== -1) this.onChoose(tile.node.row);
    const below = this.tiles.find(
      ({ node, x, y, width, height }) =>
        node.row === -1 && tile.x >= x && tile.x < x + width && tile.y >= y && tile.y < y + height,
    );
    if (below === undefined || this.way.includes(below.node)) return;
    this.way = [...this.way, below.node];
    this.draw();
  }
}
