import { CrcLedger, type CrcReport } from './ledger.js';
import type { CopyPlan } from './plan.js';
import type { Tile, TileResult } from './tile.js';

/** What a plan with one output is streamed to. Resolves when the bytes are no longer needed. */
export type ByteSink = (bytes: Uint8Array) => Promise<void>;

/**
 * Puts the bytes of a plan with one output together in their order: tiles, which must be given in order, and the
 * literals between their records. A deferred literal comes behind the records that it is computed from.
 */
export class OrderedOutput {
  private readonly ledger: CrcLedger;
  private readonly pending: { byteOffset: number; bytes: () => Uint8Array }[];
  private nextPending = 0;
  private position = 0;
  /** The last bytes, if they are of a record: see {@link finish}. */
  private held: Uint8Array | undefined;

  constructor(
    private readonly plan: CopyPlan,
    private readonly sink: ByteSink,
    private readonly withCrc: boolean,
  ) {
    if (plan.outputs.length !== 1)
      throw new Error(`a plan of ${plan.outputs.length} outputs cannot be streamed`);
    this.ledger = new CrcLedger(plan);
    const crcOf = (record: number): number => (withCrc ? this.ledger.recordCrc(record) : 0);
    this.pending = [
      ...plan.literals.map(({ byteOffset, bytes }) => ({ byteOffset, bytes: () => bytes })),
      ...plan.deferred.map(literal => ({
        byteOffset: literal.byteOffset,
        bytes: () => literal.encode(crcOf),
      })),
    ].sort((a, b) => a.byteOffset - b.byteOffset);
  }

  /** `bytes`: the records of the tile, one behind the other. */
  async addTile(tile: Tile, bytes: Uint8Array, result: TileResult): Promise<void> {
    const { records } = this.plan;
    let at = 0;
    for (let record = tile.firstRecord; record <= tile.lastRecord; record++) {
      const start = record === tile.firstRecord ? tile.startByte : 0;
      const end = record === tile.lastRecord ? tile.endByte : records.byteLength[record]!;
      await this.addLiteralsBefore(records.byteOffset[record]! + start);
      if (end > start) await this.putRecordBytes(bytes.subarray(at, at + end - start));
      at += end - start;
      // The record's CRC is needed by the literal behind it.
      this.ledger.add(
        [],
        result.recordCrcs.filter(range => range.index === record),
      );
    }
    this.ledger.add(result.storageCrcs, []);
  }

  /**
   * Writes what follows the last record, after `check` has passed: without the end record of an archive, or the last
   * byte of a format that ends with its data, nobody takes the stream for whole.
   */
  async finish(check: () => void | Promise<void>): Promise<CrcReport> {
    const crc = this.withCrc
      ? this.ledger.checkStorages()
      : { checked: 0, partlyRead: 0, withoutCrc: this.plan.storages.count };
    await check();
    if (this.held !== undefined) await this.sink(this.held);
    await this.addLiteralsBefore(Number.POSITIVE_INFINITY);
    const expected = this.plan.outputs[0]!.byteLength;
    if (this.position !== expected) throw new Error(`streamed ${this.position} of ${expected} bytes`);
    return crc;
  }

  private async putRecordBytes(bytes: Uint8Array): Promise<void> {
    if (this.position + bytes.length < this.plan.outputs[0]!.byteLength) return this.put(bytes);
    this.held = bytes.slice(-1);
    await this.put(bytes.subarray(0, -1));
    this.position++;
  }

  private async addLiteralsBefore(byteOffset: number): Promise<void> {
    while (
      this.nextPending < this.pending.length &&
      this.pending[this.nextPending]!.byteOffset < byteOffset
    ) {
      await this.put(this.pending[this.nextPending++]!.bytes());
    }
  }

  private async put(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.position += bytes.length;
    await this.sink(bytes);
  }
}
