import type { HtmlData } from '../../ops/html-data.js';
import { formatBytes, formatCount, shareText } from '../../tui/units.js';
import { element } from './element.js';
import type { Tip } from './tip.js';

/** Which rank wrote which files: a row a rank, a block a file, as wide as its bytes. */
export class RanksView {
  readonly section = element('section', { id: 'ranks' });
  private readonly blocks = new Map<number, HTMLElement>();

  constructor(
    { files, completeness }: HtmlData,
    private readonly tip: Tip,
  ) {
    const rows = groupedByRank(files);
    const bytesOf = (row: RankRow): number =>
      row.files.reduce((sum, file) => sum + files[file]!.itemByteLength, 0);
    const total = rows.reduce((sum, row) => sum + bytesOf(row), 0);
    const largest = rows.reduce((most, row) => Math.max(most, bytesOf(row)), 1);
    const list = element('div', { className: 'ranks' });
    for (const row of rows) {
      const byteLength = bytesOf(row);
      const items = row.files.reduce((sum, file) => sum + files[file]!.items, 0);
      const blocks = element('div', { className: 'files' });
      for (const file of row.files) {
        const isMissing = files[file]!.byteLength === null && completeness !== 'index_only';
        blocks.append(this.block(files[file]!, file, isMissing, largest));
      }
      const number = element(
        'span',
        { className: 'number' },
        formatBytes(byteLength),
        element('small', {}, `${shareText(byteLength, total)}, ${formatCount(items, 'item')}`),
      );
      list.append(element('div', { className: 'rank' }, element('span', {}, row.label), blocks, number));
    }
    const what = rows.some(row => row.isRank) ? 'Ranks and their files' : 'Files';
    this.section.append(element('h2', {}, what), list);
  }

  /** Marks the files that hold an entry. */
  mark(held: ReadonlySet<number>): void {
    for (const [file, block] of this.blocks) block.classList.toggle('held', held.has(file));
  }

  private block(
    file: HtmlData['files'][number],
    index: number,
    isMissing: boolean,
    largest: number,
  ): HTMLElement {
    const made = element('i', { className: isMissing ? 'missing' : '' });
    made.style.width = `${(file.itemByteLength / largest) * 100}%`;
    made.addEventListener('mousemove', event =>
      this.tip.show(event, file.relativePath, [
        `${formatCount(file.items, 'item')}, ${formatBytes(file.itemByteLength)}`,
        ...(isMissing ? ['not there'] : []),
      ]),
    );
    made.addEventListener('mouseleave', () => this.tip.hide());
    this.blocks.set(index, made);
    return made;
  }
}

interface RankRow {
  label: string;
  isRank: boolean;
  files: number[];
}

/** Files of one rank share a row; those of none have one each, by their names. */
function groupedByRank(files: HtmlData['files']): RankRow[] {
  const ranks = new Map<number, RankRow>();
  const others: RankRow[] = [];
  for (const [i, { rank, relativePath }] of files.entries()) {
    if (rank === null) others.push({ label: relativePath, isRank: false, files: [i] });
    else {
      const row = ranks.get(rank) ?? { label: `rank ${rank}`, isRank: true, files: [] };
      row.files.push(i);
      ranks.set(rank, row);
    }
  }
  return [...[...ranks].sort(([a], [b]) => a - b).map(([, row]) => row), ...others];
}
