import type { HtmlData } from '../../ops/html-data.js';
import { formatBytes, formatCount } from '../../tui/units.js';
import { type RowOrder, type RowQuery, type Rows, shownName } from '../rows.js';
import { button, element, figure } from './element.js';

const ROW_HEIGHT = 30;
const HEAD_HEIGHT = 30;
const MAX_HEIGHT = 560 + HEAD_HEIGHT;
/** Rows drawn beyond those that are seen. */
const MARGIN = 6;
/** A scroll area higher than this is not drawn exactly by browsers. */
const MAX_SCROLL_HEIGHT = 8_000_000;

const COLUMNS: readonly { order: RowOrder; label: string; className: string }[] = [
  { order: 'name', label: 'name', className: 'name' },
  { order: 'part', label: 'part', className: 'part' },
  { order: 'dtype', label: 'dtype', className: 'dtype' },
  { order: 'shape', label: 'shape', className: 'shape' },
  { order: 'size', label: 'size', className: 'size' },
];

/** All entries: searched, sorted, and only those on the screen drawn. */
export class TableView {
  readonly section = element('section', { id: 'entries' }, element('h2', {}, 'Entries'));
  private readonly search = element('input', {
    type: 'search',
    placeholder: 'Search names',
    className: 'grow',
  });
  private readonly found = element('span', { className: 'found' });
  private readonly heads = new Map<RowOrder, HTMLButtonElement>();
  private readonly viewport = element('div', { className: 'rows' });
  /** As high as all rows together. */
  private readonly all = element('div', { className: 'all' });
  private query: RowQuery = { search: '', sort: undefined, descending: false };
  private rows = new Uint32Array();
  private chosen = -1;

  constructor(
    private readonly data: HtmlData,
    private readonly source: Rows,
    private readonly onChoose: (row: number) => void,
  ) {
    this.search.setAttribute('aria-label', 'Search names');
    this.search.addEventListener('input', () => this.ask({ search: this.search.value }));
    const head = element('div', { className: 'row head' });
    for (const { order, label, className } of COLUMNS) {
      const made = button(label, () => this.sortBy(order));
      made.className = className;
      this.heads.set(order, made);
      head.append(made);
    }
    this.viewport.tabIndex = 0;
    this.viewport.setAttribute('aria-label', 'Entries');
    this.viewport.append(head, this.all);
    this.viewport.addEventListener('scroll', () => this.drawRows());
    this.viewport.addEventListener('keydown', event => this.step(event));
    this.section.append(
      element('div', { className: 'tools' }, this.search, this.found),
      element('div', { className: 'table' }, this.viewport),
    );
    this.ask({});
  }

  /** Marks an entry, and scrolls to it. */
  choose(row: number): void {
    this.chosen = row;
    const position = this.rows.indexOf(row);
    if (position !== -1) {
      const top = position * this.rowPitch;
      const { scrollTop, clientHeight } = this.viewport;
      if (top < scrollTop || top + ROW_HEIGHT > scrollTop + clientHeight) {
        this.viewport.scrollTop = top - clientHeight / 2;
      }
    }
    this.drawRows();
  }

  /** Arrow keys go from entry to entry. */
  private step(event: KeyboardEvent): void {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by === undefined || event.target !== this.viewport) return;
    event.preventDefault();
    const next = this.rows[this.rows.indexOf(this.chosen) + by];
    if (next !== undefined) this.onChoose(next);
  }

  draw(): void {
    this.drawRows();
  }

  private sortBy(sort: RowOrder): void {
    const isSame = this.query.sort === sort;
    // Sizes are looked at from the largest on. The third press gives back the order of the checkpoint.
    const first = sort === 'size' || sort === 'shape';
    if (isSame && this.query.descending !== first) this.ask({ sort: undefined });
    else this.ask({ sort, descending: isSame ? !this.query.descending : first });
  }

  private ask(change: Partial<Omit<RowQuery, 'sort'>> & { sort?: RowOrder | undefined }): void {
    this.query = { ...this.query, ...change } as RowQuery;
    this.rows = this.source.find(this.query) as Uint32Array<ArrayBuffer>;
    const byteLength = this.source.byteLengthOf(this.rows);
    const counted = formatCount(this.rows.length, 'entry', 'entries');
    this.found.replaceChildren(
      figure('found', this.rows.length, counted),
      ', ',
      figure('found_byte_length', byteLength, formatBytes(byteLength)),
    );
    for (const [order, head] of this.heads) {
      const isSorted = order === this.query.sort;
      const { label } = COLUMNS.find(column => column.order === order)!;
      head.textContent = label + (isSorted ? (this.query.descending ? ' ↓' : ' ↑') : '');
      if (isSorted) head.setAttribute('aria-sort', this.query.descending ? 'descending' : 'ascending');
      else head.removeAttribute('aria-sort');
    }
    this.all.style.height = `${this.rows.length * this.rowPitch}px`;
    this.viewport.style.height = `${Math.min(MAX_HEIGHT, Math.max(2, this.rows.length) * ROW_HEIGHT + HEAD_HEIGHT)}px`;
    this.viewport.scrollTop = 0;
    this.drawRows();
  }

  /** Pixels of the scroll area a row: less than its height where there are more rows than browsers have pixels. */
  private get rowPitch(): number {
    return Math.min(ROW_HEIGHT, MAX_SCROLL_HEIGHT / Math.max(1, this.rows.length));
  }

  private drawRows(): void {
    const { scrollTop, clientHeight } = this.viewport;
    const first = Math.floor(scrollTop / this.rowPitch);
    const start = Math.max(0, first - MARGIN);
    const end = Math.min(this.rows.length, first + Math.ceil(clientHeight / ROW_HEIGHT) + MARGIN);
    const drawn: Node[] = [];
    if (this.rows.length === 0)
      drawn.push(element('div', { className: 'nothing' }, 'Nothing has such a name.'));
    for (let position = start; position < end; position++) {
      const top = scrollTop + position * ROW_HEIGHT - (scrollTop / this.rowPitch) * ROW_HEIGHT;
      drawn.push(this.row(this.rows[position]!, top));
    }
    this.all.replaceChildren(...drawn);
  }

  private row(row: number, top: number): HTMLElement {
    const { entries, dtypeNames, shapes } = this.data;
    const fqn = entries.fqn[row]!;
    const shape = shapes[entries.shape[row]!];
    const byteLength = entries.byteLength[row]!;
    const made = element(
      'div',
      { className: row === this.chosen ? 'row chosen' : 'row' },
      element('span', { className: 'mono name', title: fqn }, shownName(fqn)),
      element('span', { className: 'part soft' }, entries.part[row]!),
      element('span', { className: 'dtype' }, dtypeNames[entries.dtype[row]!]?.[1] ?? 'object'),
      element('span', { className: 'shape soft' }, shape === undefined ? '' : `[${shape.join(', ')}]`),
      element(
        'span',
        { className: 'size' },
        byteLength === 0 && shape === undefined ? '' : formatBytes(byteLength),
      ),
    );
    made.style.top = `${top}px`;
    made.addEventListener('click', () => this.onChoose(row));
    return made;
  }
}
