import { availableParallelism } from 'node:os';
import { type ReadGateSpec, readGateSpec } from '../io/read-gate.js';
import { FileTileIo } from './file-tile-io.js';
import type { FinishedTiles } from './finished-tiles.js';
import { CrcLedger, type CrcReport } from './ledger.js';
import type { CopyPlan, PlanSource } from './plan.js';
import { openRunner, startThreads } from './runner.js';
import { copyOrdered, runUnordered } from './schedule.js';
import { SLOT_BYTE_LENGTH, SLOT_TILE_BYTE_LENGTH } from './slots.js';
import { type ByteSink, OrderedOutput } from './stream.js';
import { requireReadsInFlight, requireWorkers } from './thread-limits.js';
import type { StartedThreads } from './threads.js';
import type { Tile, TileResult } from './tile.js';
import type { TileRequest, TileTarget } from './tile-work.js';
import { tilesOf } from './tiles.js';

export interface CopyOptions {
  /** Threads; 0 copies on the calling thread. Default: as many as pay off for this plan on this machine. */
  workers?: number;
  /**
   * How many reads of sources are under way at a time, of all threads together: for storage that takes long to answer.
   * There are more threads then, so that none that computes keeps another from reading. Default: one a thread.
   */
  readsInFlight?: number;
  /** Milliseconds that every read lasts longer: stands in for slow storage where speed is measured. */
  readLatencyMs?: number;
  /** Compute CRC-32s, check those of the sources and write those of the destination. Default true. */
  crc?: boolean;
  /** Threads of {@link startCopyThreads}, to be taken before new ones are made. */
  started?: StartedThreads | undefined;
  signal?: AbortSignal;
  /** What an earlier run of the same plan has done of it, and where this run notes what it does. With `crc` only. */
  finished?: FinishedTiles | undefined;
  /** Brings to the device what has been written so far. Called while other tiles still copy, one call at a time. */
  flush?: () => Promise<void>;
  onProgress?: (progress: CopyProgress) => void;
}

export interface CopyProgress {
  /** Bytes of tensors and other storages done. */
  byteCount: number;
  byteTotal: number;
}

export interface CopyReport {
  crc: CrcReport;
  /** Finite elements that their cast made infinite, by record; records without any are not there. */
  overflows: ReadonlyMap<number, number>;
  workers: number;
  /** Bytes that an earlier run had put into the output, proved by their checksums; where that was asked for. */
  foundByteLength?: number;
}

/**
 * Starts the threads that a copy of about so many bytes will take, for who has something else to do before. The
 * caller closes them when all is done.
 */
export function startCopyThreads(
  byteLength: number,
  options: Pick<CopyOptions, 'workers' | 'readsInFlight'>,
): StartedThreads {
  return startThreads(workersFor(byteLength, options));
}

/** Below this many bytes starting threads costs more than they save; measured, see docs/measurements.md. */
const WORTH_THREADS_BYTE_LENGTH = 128 << 20;
const MAX_DEFAULT_WORKERS = 8;
/** Where only the latency of reads is told: no bound. */
const UNBOUNDED_READS = 0x7fffffff;
/** How many new bytes make a flush worthwhile; measured, see docs/measurements.md. */
const FLUSH_BYTE_LENGTH = 128 << 20;

/**
 * Carries a plan out: fills the files at `targets` (one path an output of the plan; the files must exist) with
 * records, literals and deferred literals. Does not fsync and does not put anything in place.
 *
 * @throws CorruptDataError where a source's bytes do not have the CRC-32 that it states, FileError where
 * reading or writing fails, UsageError for an option out of range, InterruptedError when the signal fires.
 */
export async function runCopy(
  plan: CopyPlan,
  targets: readonly string[],
  options: CopyOptions = {},
): Promise<CopyReport> {
  return run(plan, targets, 'write', options);
}

/**
 * Compares files with what {@link runCopy} would write into them. Reads sources and targets, writes nothing.
 * @throws CorruptDataError naming the first byte found to differ.
 */
export async function compareWithPlan(
  plan: CopyPlan,
  targets: readonly string[],
  options: CopyOptions = {},
): Promise<CopyReport> {
  return run(plan, targets, 'compare', options);
}

/** How many tiles are ahead of the one that is handed on, for each thread. */
const SLOTS_PER_WORKER = 2;

/**
 * Carries out a plan of one output into a stream, in order and without going back. Memory holds a few tiles.
 * `check` runs before the last bytes, without which the output is not whole.
 * @throws as {@link runCopy}, and what the sink throws.
 */
export async function streamCopy(
  plan: CopyPlan,
  sink: ByteSink,
  check: () => void | Promise<void>,
  options: CopyOptions = {},
): Promise<CopyReport> {
  const withCrc = options.crc ?? true;
  const workers = workersFor(plan.recordByteLength, options);
  const output = new OrderedOutput(plan, sink, withCrc);
  const overflows = new OverflowCounts();
  let byteCount = 0;
  await copyThroughSlots(plan, workers, options, async (tile, bytes, result) => {
    await output.addTile(tile, bytes, result);
    overflows.add(result);
    byteCount += result.byteLength;
    options.onProgress?.({ byteCount, byteTotal: plan.recordByteLength });
  });
  const crc = await output.finish(check);
  return { crc, overflows: overflows.byRecord, workers };
}

/**
 * Carries a plan out into memory: `buffers` has one an output, of its length. Threads fill shared memory themselves;
 * for other memory they fill shared pieces, from which it is copied. After an error some of it is filled.
 * @throws as {@link runCopy}.
 */
export async function copyToMemory(
  plan: CopyPlan,
  buffers: readonly Uint8Array[],
  options: Omit<CopyOptions, 'flush'> = {},
): Promise<CopyReport> {
  const withCrc = options.crc ?? true;
  const workers = workersFor(plan.recordByteLength, options);
  const ledger = new CrcLedger(plan);
  let byteCount = 0;
  const overflows = new OverflowCounts();
  const onDone = (result: TileResult): void => {
    ledger.add(result.storageCrcs, []);
    overflows.add(result);
    byteCount += result.byteLength;
    options.onProgress?.({ byteCount, byteTotal: plan.recordByteLength });
  };
  if (workers === 0 || [...plan.sources.flatMap(bytesOf), ...buffers].every(isShared)) {
    const runner = openRunner(
      { plan, target: { kind: 'memory', buffers }, withCrc, gate: gateFor(options) },
      workers,
      options.started,
    );
    try {
      await runUnordered(runner, requestsOf(plan), onDone, options.signal);
    } finally {
      await runner.close();
    }
  } else {
    await copyThroughSlots(plan, workers, options, (tile, bytes, result) => {
      takeTile(plan, tile, bytes, buffers);
      onDone(result);
    });
  }
  const crc = withCrc
    ? ledger.checkStorages()
    : { checked: 0, partlyRead: 0, withoutCrc: plan.storages.count };
  return { crc, overflows: overflows.byRecord, workers };
}

function bytesOf(source: PlanSource): Uint8Array[] {
  return typeof source === 'string' ? [] : [source.bytes];
}

function isShared({ buffer }: Uint8Array): boolean {
  return buffer instanceof SharedArrayBuffer;
}

/** Copies the records of a tile, which lie one behind the other, to their places. */
function takeTile(plan: CopyPlan, tile: Tile, bytes: Uint8Array, buffers: readonly Uint8Array[]): void {
  const { records } = plan;
  let at = 0;
  for (let record = tile.firstRecord; record <= tile.lastRecord; record++) {
    const start = record === tile.firstRecord ? tile.startByte : 0;
    const end = record === tile.lastRecord ? tile.endByte : records.byteLength[record]!;
    const part = bytes.subarray(at, at + end - start);
    buffers[records.output[record]!]!.set(part, records.byteOffset[record]! + start);
    at += part.length;
  }
}

async function copyThroughSlots(
  plan: CopyPlan,
  workers: number,
  options: CopyOptions,
  handOn: (tile: Tile, bytes: Uint8Array, result: TileResult) => void | Promise<void>,
): Promise<void> {
  const slots = Array.from(
    { length: SLOTS_PER_WORKER * Math.max(1, workers) },
    () => new SharedArrayBuffer(SLOT_BYTE_LENGTH),
  );
  const target: TileTarget = { kind: 'slots', slots };
  const runner = openRunner(
    { plan, target, withCrc: options.crc ?? true, gate: gateFor(options) },
    workers,
    options.started,
  );
  try {
    await copyOrdered(
      runner,
      tilesOf(plan, SLOT_TILE_BYTE_LENGTH),
      slots.length,
      async (tile, slot, result) => handOn(tile, new Uint8Array(slots[slot]!), result),
      options.signal,
    );
  } finally {
    await runner.close();
  }
}

async function run(
  plan: CopyPlan,
  targets: readonly string[],
  mode: 'write' | 'compare',
  options: CopyOptions,
): Promise<CopyReport> {
  const withCrc = options.crc ?? true;
  const workers = workersFor(plan.recordByteLength, options);
  const ledger = new CrcLedger(plan);
  const flusher = new Flusher(options.flush);
  let byteCount = 0;
  const overflows = new OverflowCounts();
  let foundByteLength = 0;
  const finished = withCrc && mode === 'write' ? options.finished : undefined;
  const onDone = (result: TileResult, { position }: NumberedRequest): void => {
    if (result.wasThere === true) foundByteLength += result.byteLength;
    else finished?.note(position, result);
    ledger.add(result.storageCrcs, result.recordCrcs);
    overflows.add(result);
    byteCount += result.byteLength;
    flusher.note(byteCount);
    options.onProgress?.({ byteCount, byteTotal: plan.recordByteLength });
  };
  const runner = openRunner(
    { plan, target: { kind: 'files', paths: targets, mode }, withCrc, gate: gateFor(options) },
    workers,
    options.started,
  );
  try {
    await runUnordered(runner, requestsOf(plan, finished), onDone, options.signal);
  } finally {
    await runner.close();
  }

  await flusher.finish();
  const crc = withCrc
    ? ledger.checkStorages()
    : { checked: 0, partlyRead: 0, withoutCrc: plan.storages.count };
  const recordCrcs = withCrc ? ledger.recordCrcs() : new Uint32Array(plan.records.count);
  placeLiterals(plan, targets, mode, recordCrcs);
  return { crc, overflows: overflows.byRecord, workers, foundByteLength };
}

/** Sums up what the tiles of a record report. */
class OverflowCounts {
  readonly byRecord = new Map<number, number>();

  add({ overflows }: TileResult): void {
    for (const { record, count } of overflows) {
      this.byRecord.set(record, (this.byRecord.get(record) ?? 0) + count);
    }
  }
}

/** A request, and the position of its tile among all of the plan. */
interface NumberedRequest extends TileRequest {
  position: number;
}

function* requestsOf(plan: CopyPlan, finished?: FinishedTiles): Generator<NumberedRequest> {
  let position = 0;
  for (const tile of tilesOf(plan)) {
    yield { tile, slot: 0, position, noted: finished?.of(position) };
    position++;
  }
}

/** Keeps the device busy while tiles are copied, so that little is left to flush at the end. */
class Flusher {
  private flushedAt = 0;
  private running: Promise<void> | undefined;
  private failure: unknown;

  constructor(private readonly flush: (() => Promise<void>) | undefined) {}

  note(byteCount: number): void {
    if (this.flush === undefined || this.running !== undefined || this.failure !== undefined) return;
    if (byteCount - this.flushedAt < FLUSH_BYTE_LENGTH) return;
    this.flushedAt = byteCount;
    this.running = this.flush()
      .catch(error => {
        this.failure = error;
      })
      .finally(() => {
        this.running = undefined;
      });
  }

  /** @throws what a flush threw: a write error that the system met late. */
  async finish(): Promise<void> {
    await this.running;
    if (this.failure !== undefined) throw this.failure;
  }
}

/**
 * How many threads so many bytes are worth: those that are asked for, or as many as pay off on this machine.
 * @throws UsageError where an option is out of range.
 */
export function workersFor(byteLength: number, { workers, readsInFlight }: CopyOptions): number {
  requireWorkers(workers);
  requireReadsInFlight(readsInFlight);
  if (workers !== undefined) return workers;
  const computing = Math.min(MAX_DEFAULT_WORKERS, availableParallelism());
  if (readsInFlight !== undefined) return readsInFlight + computing;
  return byteLength < WORTH_THREADS_BYTE_LENGTH ? 0 : computing;
}

function gateFor({ readsInFlight, readLatencyMs }: CopyOptions): ReadGateSpec | undefined {
  if (readsInFlight === undefined && readLatencyMs === undefined) return undefined;
  return readGateSpec(readsInFlight ?? UNBOUNDED_READS, readLatencyMs);
}

function placeLiterals(
  plan: CopyPlan,
  targets: readonly string[],
  mode: 'write' | 'compare',
  recordCrcs: Uint32Array,
): void {
  const io = new FileTileIo(plan.sources, targets, mode);
  try {
    for (const { output, byteOffset, bytes } of plan.literals) io.write(output, bytes, byteOffset);
    for (const literal of plan.deferred) {
      const bytes = literal.encode(record => recordCrcs[record]!);
      if (bytes.length !== literal.byteLength) {
        throw new Error(`a deferred literal has ${bytes.length} bytes, ${literal.byteLength} were laid out`);
      }
      io.write(literal.output, bytes, literal.byteOffset);
    }
  } finally {
    io.close();
  }
}
