import { type DTypeInfo, dtypeOf } from '../../dtype.js';
import { type NumberFormat, numberCountOf, numberFormatOf } from '../../numbers.js';
import { counterFor, type NumberCounter } from '../number-counter.js';
import { statsOfCounts } from '../pattern-stats.js';
import type { RecordTensor } from '../records.js';
import type { PartialNumbers, PartialStats } from '../tensor-stats.js';
import { alignUp, type TileLayout, type TileSegment } from '../tile-layout.js';
import { decodeSums } from './exact-sums.js';
import { addCount8Jobs, addCount16Jobs, COUNT_8_WGSL, count16Wgsl } from './kernels/count-patterns.js';
import {
  addSumsJobs,
  EXTREME_WORDS,
  JOB_WORDS,
  NUMBERS_PER_JOB,
  type SumsLayout,
  sumsLayoutOf,
  sumsWgsl,
} from './kernels/sums.js';
import type { TileWork } from './lane.js';

export interface StatsSettings {
  histogram: boolean;
  /**
   * Where the data are fewer bytes than their counts and sums, the data come back and are counted here. Tests turn
   * that off, so that small tensors meet the kernels.
   */
  returnSmallData: boolean;
  /** Patterns that a workgroup counts at a time. */
  bins: number;
}

/** The work for one tile, and what its results mean. */
export interface TileStats {
  work: TileWork;
  decode(words: Uint32Array): PartialStats[];
}

interface JobTable {
  wgsl: string;
  rowWords: number;
  jobs: number[];
}

/** Plans the statistics of a tile: a kernel for each kind of numbers in it, and a place for the results. */
export function planTileStats(
  layout: TileLayout,
  tensors: readonly RecordTensor[],
  settings: StatsSettings,
): TileStats {
  const tables = new Map<string, JobTable>();
  const counters = new Map<DTypeInfo, NumberCounter>();
  const counterOf = (dtype: DTypeInfo): NumberCounter => {
    let counter = counters.get(dtype);
    if (counter === undefined) counters.set(dtype, (counter = counterFor(dtype, settings.histogram)));
    return counter;
  };
  const copies: TileWork['copies'][number][] = [];
  const decoders: ((words: Uint32Array) => PartialStats)[] = [];
  let resultWord = 0;
  for (const segment of layout.segments) {
    const dtype = dtypeOf(tensors[segment.record]!.dtype);
    const format = numberFormatOf(dtype);
    const { wgsl, rowWords, parts } = planSegment(segment, format, settings.bins);
    const resultWords = parts.reduce((words, part) => words + part.words, 0);
    const first = resultWord;
    if (settings.returnSmallData && resultWords * 4 > segment.byteLength) {
      copies.push({
        tileByteOffset: segment.tileByteOffset,
        resultByteOffset: first * 4,
        byteLength: segment.byteLength,
      });
      resultWord += alignUp(segment.byteLength, 4) / 4;
      decoders.push(words => {
        const counter = counterOf(dtype);
        // Counters look at whole elements at their own alignment.
        const bytes = new Uint8Array(words.slice(first, resultWordAfter(first, segment)).buffer);
        counter.begin(segment.byteLength);
        counter.add(bytes.subarray(0, segment.byteLength));
        return partOf(segment, counter.finish());
      });
      continue;
    }
    let table = tables.get(wgsl);
    if (table === undefined) tables.set(wgsl, (table = { wgsl, rowWords, jobs: [] }));
    const starts: number[] = [];
    for (const part of parts) {
      starts.push(resultWord);
      part.addJobs(table.jobs, resultWord);
      resultWord += part.words;
    }
    decoders.push(words => {
      const results = parts.map((part, i) => words.subarray(starts[i]!, starts[i]! + part.words));
      if (format.bitWidth <= 16) {
        return partOf(segment, statsOfCounts(dtype, results, settings.histogram));
      }
      return partOf(
        segment,
        results.map((result, i) => decodeSums(format, parts[i]!.sums!, result, parts[i]!.count)),
      );
    });
  }
  return {
    work: {
      dispatches: [...tables.values()].map(({ wgsl, rowWords, jobs }) => ({
        wgsl,
        jobs: Uint32Array.from(jobs),
        groupCount: jobs.length / rowWords,
      })),
      copies,
      resultByteLength: resultWord * 4,
    },
    decode: words => decoders.map(decode => decode(words)),
  };
}

const resultWordAfter = (first: number, { byteLength }: TileSegment): number =>
  first + alignUp(byteLength, 4) / 4;

const partOf = (
  { record, startByte, byteLength }: TileSegment,
  components: PartialNumbers[],
): PartialStats => ({ record, startByte, byteLength, components });

/** What one component of a segment takes. */
interface SegmentPart {
  count: number;
  words: number;
  sums?: SumsLayout;
  addJobs(jobs: number[], resultWord: number): void;
}

function planSegment(
  { tileByteOffset, byteLength }: TileSegment,
  format: NumberFormat,
  bins: number,
): { wgsl: string; rowWords: number; parts: SegmentPart[] } {
  const { bitWidth, componentCount } = format;
  const tileWord = tileByteOffset / 4;
  if (bitWidth <= 8) {
    const count = byteLength;
    const addJobs: SegmentPart['addJobs'] = (jobs, at) => addCount8Jobs(jobs, tileWord, count, at);
    return { wgsl: COUNT_8_WGSL, rowWords: 4, parts: [{ count, words: 256, addJobs }] };
  }
  const numberCount = numberCountOf(format, byteLength);
  const count = numberCount / componentCount;
  const components = Array.from({ length: componentCount }, (_, component) => component);
  if (bitWidth === 16) {
    const placesOf = (component: number): 'all' | 'even' | 'odd' =>
      componentCount === 1 ? 'all' : component === 0 ? 'even' : 'odd';
    const parts = components.map(component => ({
      count,
      words: 1 << 16,
      addJobs: (jobs: number[], at: number) =>
        addCount16Jobs(jobs, bins, tileWord, numberCount, at, placesOf(component)),
    }));
    return { wgsl: count16Wgsl(bins), rowWords: 4, parts };
  }
  const sums = sumsLayoutOf(format);
  const words = sums.headWords + Math.ceil(count / NUMBERS_PER_JOB) * EXTREME_WORDS;
  const parts = components.map(component => ({
    count,
    words,
    sums,
    addJobs: (jobs: number[], at: number) =>
      addSumsJobs(jobs, sums, tileWord + component * sums.words, count, sums.words * componentCount, at),
  }));
  return { wgsl: sumsWgsl(sums), rowWords: JOB_WORDS, parts };
}
