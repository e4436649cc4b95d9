import { FileTileIo } from '../copy/file-tile-io.js';
import type { CopyPlan } from '../copy/plan.js';
import type { Work } from '../copy/threads.js';
import { type RangeCrc, type Tile, TileCopier } from '../copy/tile.js';
import { DTYPES } from '../dtype.js';
import { counterFor, type NumberCounter } from './number-counter.js';
import type { PartialStats } from './tensor-stats.js';

/** What a thread of the CPU device does with tiles. Plain data: it is sent to threads. */
export type CpuSetup = StatsSetup | RebuildSetup;

interface PlanSetup {
  plan: CopyPlan;
  /** Check the CRC-32s of sources. */
  crc: boolean;
}

export interface StatsSetup extends PlanSetup {
  kind: 'stats';
  /** Position in {@link DTYPES} of each record's element type. */
  dtypes: Uint8Array;
  histogram: boolean;
}

export interface RebuildSetup extends PlanSetup {
  kind: 'rebuild';
  /** One a record, of its length. */
  memory: readonly SharedArrayBuffer[];
}

/** What became of a tile. */
export interface CpuResult {
  byteLength: number;
  storageCrcs: RangeCrc[];
  stats: PartialStats[];
}

export function openCpuWork(setup: CpuSetup): Work<Tile, CpuResult> {
  return setup.kind === 'stats' ? new StatsWork(setup) : new RebuildWork(setup);
}

/** Counts the numbers of each record of a tile, block by block, while they are in the processor's cache. */
class StatsWork implements Work<Tile, CpuResult> {
  private readonly files: FileTileIo;
  private readonly copier: TileCopier;
  private readonly counters = new Map<number, NumberCounter>();
  /** The part being counted, of the record that the latest block belongs to. */
  private part: { counter: NumberCounter; record: number; startByte: number; byteLength: number } | undefined;
  private finished: PartialStats[] = [];
  private tile: Tile | undefined;

  constructor(private readonly setup: StatsSetup) {
    const { plan, crc } = setup;
    this.files = new FileTileIo(plan.sources, [], 'write');
    const io = {
      read: this.files.read.bind(this.files),
      write: this.add.bind(this),
    };
    this.copier = new TileCopier(plan, io, crc ? 'storages' : 'none');
  }

  run(tile: Tile): CpuResult {
    this.tile = tile;
    const { byteLength, storageCrcs } = this.copier.copy(tile);
    this.finishPart();
    const stats = this.finished;
    this.finished = [];
    return { byteLength, storageCrcs, stats };
  }

  /** A block of a record: record and output have one number. */
  private add(record: number, bytes: Uint8Array, byteOffset: number): void {
    if (this.part?.record !== record) {
      this.finishPart();
      const counter = this.counterOf(record);
      counter.begin(this.partByteLength(record, byteOffset));
      this.part = { counter, record, startByte: byteOffset, byteLength: 0 };
    }
    this.part.counter.add(bytes);
    this.part.byteLength += bytes.length;
  }

  private partByteLength(record: number, startByte: number): number {
    const { lastRecord, endByte } = this.tile!;
    const end = record === lastRecord ? endByte : this.setup.plan.records.byteLength[record]!;
    return end - startByte;
  }

  private finishPart(): void {
    if (this.part === undefined) return;
    const { counter, record, startByte, byteLength } = this.part;
    this.finished.push({ record, startByte, byteLength, components: counter.finish() });
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

/** Puts records together in shared memory. */
class RebuildWork implements Work<Tile, CpuResult> {
  private readonly files: FileTileIo;
  private readonly copier: TileCopier;

  constructor({ plan, crc, memory }: RebuildSetup) {
    this.files = new FileTileIo(plan.sources, [], 'write');
    const io = {
      read: this.files.read.bind(this.files),
      write: (record: number, bytes: Uint8Array, byteOffset: number) =>
        new Uint8Array(memory[record]!).set(bytes, byteOffset),
    };
    this.copier = new TileCopier(plan, io, crc ? 'storages' : 'none');
  }

  run(tile: Tile): CpuResult {
    const { byteLength, storageCrcs } = this.copier.copy(tile);
    return { byteLength, storageCrcs, stats: [] };
  }

  close(): void {
    this.files.close();
  }
}
