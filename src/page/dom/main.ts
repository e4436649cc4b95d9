/** Draws the report of the page that it stands in. */
import type { HtmlData } from '../../ops/html-data.js';
import { Rows } from '../rows.js';
import { byteTree } from '../tree.js';
import { OTHER_COLOUR, typeColours } from '../type-colours.js';
import { DetailView } from './detail-view.js';
import { element } from './element.js';
import { RanksView } from './ranks-view.js';
import { bars, PART_COLOURS, summary } from './summary.js';
import { TableView } from './table-view.js';
import { Tip } from './tip.js';
import { TreemapView } from './treemap-view.js';

const data = JSON.parse(document.getElementById('data')!.textContent!) as HtmlData;
const { entries, dtypes } = data;
document.title = `${data.path} — dcp inspect`;

const tip = new Tip();
const colours = typeColours(
  dtypes.map(({ dtype }) => dtype),
  data.objects > 0,
);
const partNames = ['model', 'optim', 'other'];
const treemap = new TreemapView(
  byteTree(entries.fqn, entries.byteLength),
  [
    {
      label: 'element type',
      names: colours.legend,
      of: row => {
        const dtype = data.dtypeNames[entries.dtype[row]!];
        return dtype === undefined ? OTHER_COLOUR : colours.of(dtype[0]);
      },
    },
    {
      label: 'part',
      names: partNames
        .filter(name => entries.part.includes(name as (typeof entries.part)[number]))
        .map(name => ({ name, colour: PART_COLOURS[name]! })),
      of: row => PART_COLOURS[entries.part[row]!]!,
    },
  ],
  tip,
  row => {
    choose(row);
    detail.box.scrollIntoView({ block: 'nearest' });
  },
);
const ranks = new RanksView(data, tip);
const detail = new DetailView(data, tip);
const table = new TableView(data, new Rows(data), row => choose(row));
table.section.append(detail.box);

function choose(row: number): void {
  table.choose(row);
  detail.show(row);
  ranks.mark(detail.files);
}

document
  .getElementById('report')!
  .replaceChildren(
    ...summary(data),
    ...(entries.fqn.length === 0
      ? [element('p', { className: 'note' }, 'The checkpoint holds nothing.')]
      : [bars(data, name => colours.of(name)), treemap.section, ranks.section, table.section]),
    element('footer', {}, 'Made by dcp inspect --html. Nothing here is loaded from elsewhere.'),
  );

function draw(): void {
  treemap.draw();
  table.draw();
  detail.draw();
}
draw();
addEventListener('themechange', draw);
let width = innerWidth;
addEventListener('resize', () => {
  if (innerWidth === width) return;
  width = innerWidth;
  draw();
});
document.documentElement.dataset.drawn = 'true';
