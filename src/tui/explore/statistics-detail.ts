import type { TensorEntry } from '../../checkpoint/checkpoint.js';
import type { ValueHistogram } from '../../ops/explore/value-histogram.js';
import type { StatsEntry } from '../../ops/stats.js';
import { padStart } from '../text-width.js';
import { formatBytes, formatCount, formatNumber } from '../units.js';
import { barOf } from './bar.js';
import type { MapLook } from './chunk-map-lines.js';
import { BLANK, type Line, line, type Span, span, tableLines } from './line.js';
import { byteLengthOf, COUNTED_AT_ONCE_BYTE_LENGTH } from './loads.js';
import type { Loaded } from './state.js';
import { waitingLines } from './waiting.js';

export const HISTOGRAM_BINS = 15;

/** What is counted in a tensor, and how its numbers are spread. */
export function statisticsDocument(
  entry: TensorEntry,
  width: number,
  loaded: Loaded | undefined,
  look: MapLook,
): Line[] {
  if (loaded === undefined && byteLengthOf(entry) > COUNTED_AT_ONCE_BYTE_LENGTH) {
    return [
      line(`To count these, ${formatBytes(byteLengthOf(entry))} are read.`),
      [span('Enter', 'accent'), span(' begins.')],
    ];
  }
  if (loaded?.state !== 'statistics') return waitingLines(loaded, width);
  const { stats, histogram, isWhole } = loaded.statistics;
  return [
    ...tableLines(rowsOf(stats), [1]),
    BLANK,
    ...(histogram === undefined ? [] : histogramLines(histogram, isWhole, width, look)),
  ];
}

function rowsOf(stats: StatsEntry): Span[][] {
  const value = (number: number | bigint | null): Span =>
    number === null ? span('-', 'dim') : span(formatNumber(number));
  const count = (number: number, tone: Span['tone']): Span =>
    span(formatCount(number), number === 0 ? 'dim' : tone);
  const label = (text: string): Span => span(text, 'dim');
  return [
    [label('min'), value(stats.min), label('  numbers'), span(formatCount(stats.count))],
    [label('max'), value(stats.max), label('  zeros'), count(stats.zeroCount, 'plain')],
    [label('mean'), value(stats.mean), label('  NaN'), count(stats.nanCount, 'error')],
    [
      label('std'),
      value(stats.std),
      label('  Inf'),
      count(stats.positiveInfCount + stats.negativeInfCount, 'error'),
    ],
    [label('norm'), value(stats.norm), label('  subnormal'), count(stats.subnormalCount, 'warn')],
  ];
}

function histogramLines(
  { min, max, counts, total }: ValueHistogram,
  isWhole: boolean,
  width: number,
  { unicode }: MapLook,
): Line[] {
  const step = (max - min) / counts.length;
  const labels = counts.map((_, i) => formatNumber(counts.length === 1 ? min : min + i * step));
  const labelWidth = Math.max(...labels.map(label => label.length));
  const shares = counts.map(count => formatCount(count));
  const countWidth = Math.max(...shares.map(share => share.length));
  const room = Math.max(4, Math.min(60, width - labelWidth - countWidth - 3));
  const most = Math.max(...counts);
  const title = isWhole
    ? 'finite numbers from each value on'
    : `finite numbers from each value on, of ${formatCount(total)} taken from all over it`;
  return [
    line(title, 'dim'),
    ...counts.map((count, i): Line => {
      const bar = barOf(count / most, room, unicode);
      return [
        span(`${padStart(labels[i]!, labelWidth)} `, 'dim'),
        span(bar, 'bar'),
        span(' '.repeat(room - bar.length + 1)),
        span(padStart(shares[i]!, countWidth), count === 0 ? 'dim' : 'plain'),
      ];
    }),
  ];
}
