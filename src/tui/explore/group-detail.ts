import type { TensorEntry } from '../../checkpoint/checkpoint.js';
import type { ExploredCheckpoint } from '../../ops/explore/explorer.js';
import { printable } from '../printable.js';
import { displayWidth } from '../text-width.js';
import { formatBytes, formatCount } from '../units.js';
import { barOf } from './bar.js';
import { FORMAT_NAMES } from './checkpoint-line.js';
import type { MapLook } from './chunk-map-lines.js';
import { type Document, documentOf } from './document.js';
import { BLANK, columnText, type Line, line, nameText, type Span, span, tableLines } from './line.js';
import { cursorNode, type ExplorerState } from './state.js';
import { childrenOf, type TreeModel } from './tree-model.js';

/** What is in a group: how much, of which types, and what is largest. Of the root also where it lies. */
export function groupDocument(state: ExplorerState, width: number, look: MapLook): Document {
  const { model } = state;
  const node = cursorNode(state);
  const isKnown =
    latest?.model === model && latest.node === node && latest.width === width && latest.look === look;
  if (!isKnown) latest = { model, node, width, look, document: makeDocument(state, node, width, look) };
  return latest!.document;
}

/** To add up a group takes a look at all that is in it, and the screen is drawn at each key. */
let latest: { model: TreeModel; node: number; width: number; look: MapLook; document: Document } | undefined;

function makeDocument(state: ExplorerState, node: number, width: number, look: MapLook): Document {
  const { model, checkpoint } = state;
  const lines: Line[] = [
    line(node === 0 ? nameText(checkpoint.path, width) : nameText(groupName(model, node), width), 'strong'),
    ...countLines(model, node),
    BLANK,
    ...(node === 0 ? checkpointLines(checkpoint, width) : []),
    ...dtypeLines(state, node, width, look),
    ...childLines(model, node, width, look),
    ...(node === 0 ? fileLines(checkpoint, width, look) : []),
  ];
  return documentOf(lines);
}

/** Labels from the top, with dots. */
function groupName({ labels, parent }: TreeModel, node: number): string {
  const parts: string[] = [];
  for (let at = node; at !== 0; at = parent[at]!) parts.unshift(labels[at]!);
  return parts.join('.');
}

function countLines({ tensorCount, objectCount, byteLength }: TreeModel, node: number): Line[] {
  const objects = objectCount[node]!;
  const isWhole = byteLength[0] === 0 || node === 0;
  const share = isWhole ? '' : `, ${percent(byteLength[node]! / byteLength[0]!)} of all`;
  return [
    [
      span(formatCount(tensorCount[node]!, 'tensor'), 'accent'),
      span(objects === 0 ? '' : `, ${formatCount(objects, 'object')}`),
    ],
    line(`${formatBytes(byteLength[node]!)}${share}`),
  ];
}

function percent(share: number): string {
  return share > 0 && share < 0.001 ? '< 0.1 %' : `${(share * 100).toFixed(1)} %`;
}

function checkpointLines(checkpoint: ExploredCheckpoint, width: number): Line[] {
  const { format, torchEra, completeness, files, missingRanks, chunkCount } = checkpoint;
  const isIndex = completeness === 'index_only';
  const missing = isIndex ? [] : files.filter(({ byteLength }) => byteLength === null);
  const short = files.filter(({ requiredByteLength }) => requiredByteLength !== undefined);
  const label = (text: string): Span => span(text, 'dim');
  const rows: Span[][] = [
    [label('format'), span(FORMAT_NAMES[format])],
    ...(torchEra === undefined ? [] : [[label('saved by'), span(`torch ${torchEra}`)]]),
    [label('files'), span(formatCount(files.length))],
    ...(format === 'dcp' ? [[label('chunks'), span(formatCount(chunkCount))]] : []),
    [label('complete'), completenessSpan(completeness)],
    ...missingRanks
      .slice(0, MAX_NAMED)
      .map(rank => [label('missing'), span(`the index of rank ${rank}`, 'error')]),
    ...missing
      .slice(0, MAX_NAMED)
      .map(({ relativePath }) => [label('missing'), span(nameText(relativePath, width), 'error')]),
    ...(missing.length > MAX_NAMED
      ? [[label(''), span(`and ${missing.length - MAX_NAMED} more`, 'error')]]
      : []),
    ...short
      .slice(0, MAX_NAMED)
      .map(({ relativePath }) => [label('short'), span(nameText(relativePath, width), 'error')]),
  ];
  return [...tableLines(rows), BLANK];
}

const MAX_NAMED = 4;

function completenessSpan(completeness: ExploredCheckpoint['completeness']): Span {
  switch (completeness) {
    case 'complete':
      return span('yes', 'good');
    case 'index_only':
      return span('index only: no data at hand', 'warn');
    case 'ranks_missing':
      return span('NO: the indexes of ranks are missing', 'error');
    case 'files_missing':
      return span('NO: files are missing', 'error');
    case 'files_short':
      return span('NO: files are shorter than the index says', 'error');
  }
}

const MAX_TYPES = 6;
const MAX_CHILDREN = 12;

function dtypeLines(
  { model, checkpoint }: ExplorerState,
  node: number,
  width: number,
  look: MapLook,
): Line[] {
  const bytes = new Map<string, number>();
  for (let at = node; at < model.end[node]!; at++) {
    const entry = model.entry[at]!;
    if (entry === -1 || model.tensorCount[at] === 0 || checkpoint.holderOf.has(checkpoint.entries[entry]!)) {
      continue;
    }
    const { dtype } = checkpoint.entries[entry] as TensorEntry;
    bytes.set(dtype.name, (bytes.get(dtype.name) ?? 0) + model.byteLength[at]!);
  }
  const rows = [...bytes].sort(([, a], [, b]) => b - a).slice(0, MAX_TYPES);
  return rows.length === 0 ? [] : [...barTable('types', rows, width, look), BLANK];
}

function childLines(model: TreeModel, node: number, width: number, look: MapLook): Line[] {
  const children = childrenOf(model, node).sort(
    (a, b) => model.byteLength[b]! - model.byteLength[a]! || a - b,
  );
  const rows = children
    .slice(0, MAX_CHILDREN)
    .map((child): [string, number] => [model.labels[child]!, model.byteLength[child]!]);
  if (rows.length === 0) return [line('The checkpoint holds nothing.', 'dim')];
  const more = children.length - rows.length;
  return [
    ...barTable(
      more > 0 ? `the ${MAX_CHILDREN} largest of ${formatCount(children.length)}` : 'largest',
      rows,
      width,
      look,
    ),
    BLANK,
  ];
}

/** Bytes of each rank, so that an uneven one is seen. */
function fileLines(checkpoint: ExploredCheckpoint, width: number, look: MapLook): Line[] {
  const byFile = checkpoint.byteLengthByFile();
  const byRank = new Map<number, number>();
  for (const [i, { rank }] of checkpoint.files.entries()) {
    if (rank !== null) byRank.set(rank, (byRank.get(rank) ?? 0) + byFile[i]!);
  }
  if (byRank.size < 2) return [];
  const rows = [...byRank]
    .sort(([a], [b]) => a - b)
    .map(([rank, bytes]): [string, number] => [`rank ${rank}`, bytes]);
  return [...barTable(`bytes of ${formatCount(byRank.size, 'rank')}`, rows, width, look), BLANK];
}

const MAX_BAR_WIDTH = 40;
/** A number of bytes, and the blanks on both sides of it. */
const BYTES_WIDTH = 13;

/** Names, bytes, and bars that compare them. */
function barTable(
  title: string,
  rows: readonly (readonly [name: string, bytes: number])[],
  width: number,
  { unicode }: MapLook,
): Line[] {
  const largest = Math.max(1, ...rows.map(([, bytes]) => bytes));
  const labels = rows.map(([name]) => columnText(name));
  const longest = Math.max(0, ...labels.map(displayWidth));
  // Names come first: a bar tells enough in a few columns.
  const most = Math.min(MAX_BAR_WIDTH, Math.floor(width * 0.4));
  const room = Math.max(4, Math.min(most, Math.max(Math.floor(width * 0.2), width - BYTES_WIDTH - longest)));
  const nameRoom = Math.max(6, width - BYTES_WIDTH - room);
  return [
    line(printable(title), 'dim'),
    ...tableLines(
      rows.map(([, bytes], i) => [
        span(nameText(labels[i]!, nameRoom)),
        span(formatBytes(bytes)),
        span(barOf(bytes / largest, room, unicode), 'bar'),
      ]),
      [1],
    ),
  ];
}
