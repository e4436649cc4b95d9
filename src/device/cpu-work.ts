import { FileTileIo } from '../copy/file-tile-io.js';
import type { CopyPlan } from '../copy/plan.js';
import type { Work } from '../copy/threads.js';
import { type CrcScope, type RangeCrc, type Tile, TileCopier, type TileIo } from '../copy/tile.js';
import { DTYPES } from '../dtype.js';
import type { PartialComparison, Tolerance } from './compare-numbers.js';
import { counterFor, type NumberCounter } from './number-counter.js';
import type { PartialStats } from './tensor-stats.js';
import { TileComparer } from './tile-comparer.js';

/** What a thread of the CPU device does with tiles. Plain data: it is sent to threads. */
export type CpuSetup = StatsSetup | CompareSetup;

export interface StatsSetup {
  kind: 'stats';
  plan: CopyPlan;
  crcScope: CrcScope;
  /** Position in {@link DTYPES} of each record's element type. */
  dtypes: Uint8Array;
  histogram: boolean;
}

export interface CompareSetup {
  kind: 'compare';
  plans: readonly [a: CopyPlan, b: CopyPlan];
  crcScope: CrcScope;
  dtypes: Uint8Array;
  tolerance: Tolerance;
}

/** What became of a tile. */
export interface CpuResult {
  /** Of records; of one side, where two are compared. */
  byteLength: number;
  /** Of source bytes, one list a plan. */
  storageCrcs: RangeCrc[][];
  stats?: PartialStats[];
  /** Of records that differ in this tile. */
  differences?: { record: number; comparison: PartialComparison }[];
}

export function openCpuWork(setup: CpuSetup): Work<Tile, CpuResult> {
  return setup.kind === 'stats' ? new StatsWork(setup) : new CompareWork(setup);
}

function filesOf(plan: CopyPlan): { read: TileIo['read']; close(): void } {
  const files = new FileTileIo(plan.sources, [], 'write');
  return { read: files.read.bind(files), close: files.close.bind(files) };
}

/** Counts the numbers of each record of a tile, block by block, while they are in the processor's cache. */
class StatsWork implements Work<Tile, CpuResult> {
  private readonly files;
  private readonly copier: TileCopier;
  private readonly counters = new Map<number, NumberCounter>();
  /** What is being counted: of the record that the latest block belongs to. */
  private part: (Omit<PartialStats, 'components'> & { counter: NumberCounter }) | undefined;
  private finished: PartialStats[] = [];
  private tile: Tile | undefined;

  constructor(private readonly setup: StatsSetup) {
    const { plan, crcScope } = setup;
    this.files = filesOf(plan);
    this.copier = new TileCopier(plan, { read: this.files.read, write: this.add.bind(this) }, crcScope);
  }

  run(tile: Tile): CpuResult {
    this.tile = tile;
    const { byteLength, storageCrcs } = this.copier.copy(tile);
    this.finishPart();
    const stats = this.finished;
    this.finished = [];
    return { byteLength, storageCrcs: [storageCrcs], stats };
  }

  /** A block of a record: record and output have one number. */
  private add(record: number, bytes: Uint8Array, byteOffset: number): void {
    if (this.part?.record !== record) {
      this.finishPart();
      const counter = this.counterOf(record);
      counter.begin(this.endInTile(record) - byteOffset);
      this.part = { counter, record, startByte: byteOffset, byteLength: 0 };
    }
    this.part.counter.add(bytes);
    this.part.byteLength += bytes.length;
  }

  private endInTile(record: number): number {
    const { lastRecord, endByte } = this.tile!;
    return record === lastRecord ? endByte : this.setup.plan.records.byteLength[record]!;
  }

  private finishPart(): void {
    if (this.part === undefined) return;
    const { counter, ...place } = this.part;
    this.finished.push({ ...place, components: counter.finish() });
    this.part = undefined;
  }

  private counterOf(record: number): NumberCounter {
    const dtype = this.setup.dtypes[record]!;
    let counter = this.counters.get(dtype);
    if (counter === undefined) {
      counter = counterFor(DTYPES[dtype]!, this.setup.histogram);
      this.counters.set(dtype, counter);
    }
    return counter;
  }

  close(): void {
    this.files.close();
  }
}

class CompareWork implements Work<Tile, CpuResult> {
  private readonly files;
  private readonly comparer: TileComparer;

  constructor({ plans, dtypes, tolerance, crcScope }: CompareSetup) {
    const [a, b] = plans;
    this.files = [filesOf(a), filesOf(b)] as const;
    this.comparer = new TileComparer(
      { plan: a, read: this.files[0].read },
      { plan: b, read: this.files[1].read },
      record => DTYPES[dtypes[record]!]!,
      tolerance,
      crcScope,
    );
  }

  run(tile: Tile): CpuResult {
    return this.comparer.compare(tile);
  }

  close(): void {
    for (const files of this.files) files.close();
  }
}
