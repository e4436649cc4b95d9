import { ReadGate, type ReadGateSpec } from '../io/read-gate.js';
import { FileTileIo } from './file-tile-io.js';
import { holdsTile, type ReadBack } from './finished-tiles.js';
import { MemoryTileIo } from './memory-tile-io.js';
import type { CopyPlan } from './plan.js';
import { SlotTileIo } from './slots.js';
import type { Work } from './threads.js';
import {
  type CrcScope,
  SLOW_MIN_READ_BYTE_LENGTH,
  type Tile,
  TileCopier,
  type TileIo,
  type TileResult,
} from './tile.js';

/** Where the records of a plan go. Plain data: it is sent to threads. */
export type TileTarget =
  /** Into files, one path an output, which must exist; or compared with what they hold. */
  | { kind: 'files'; paths: readonly string[]; mode: 'write' | 'compare' }
  /** Into shared memory, for a stream: each tile into the slot that it is given. */
  | { kind: 'slots'; slots: readonly SharedArrayBuffer[] }
  /** Into memory, one buffer an output; those of threads must be shared memory. */
  | { kind: 'memory'; buffers: readonly Uint8Array[] }
  /** Nowhere: the sources are read and compared with their CRCs, and that is all. */
  | { kind: 'nowhere' };

/** What a thread needs to copy tiles. The columns of the plan are shared memory, not copies. */
export interface RunnerSetup {
  plan: CopyPlan;
  target: TileTarget;
  withCrc: boolean;
  /** For storage that takes long to answer: how many reads are under way at a time, of all threads together. */
  gate?: ReadGateSpec | undefined;
}

export interface TileRequest {
  tile: Tile;
  /** Matters where tiles go to memory. */
  slot: number;
  /** What an earlier run noted of it: it is copied only if the output does not hold it. */
  noted?: TileResult | undefined;
}

/** Copies tiles of one plan to one kind of target, on whatever thread it lives. */
export class TileWork implements Work<TileRequest, TileResult> {
  private readonly io: FileTileIo;
  private readonly slotIo: SlotTileIo;
  private readonly copier: TileCopier;

  constructor(private readonly setup: RunnerSetup) {
    const { plan, target, gate } = setup;
    const { paths, mode } = target.kind === 'files' ? target : { paths: [], mode: 'write' as const };
    this.io = new FileTileIo(plan.sources, paths, mode, gate && new ReadGate(gate));
    this.slotIo = new SlotTileIo((source, bytes, byteOffset) => this.io.read(source, bytes, byteOffset));
    this.copier = new TileCopier(
      plan,
      this.targetIo(),
      crcScopeOf(setup),
      gate === undefined ? undefined : SLOW_MIN_READ_BYTE_LENGTH,
    );
  }

  private targetIo(): TileIo {
    const { target } = this.setup;
    if (target.kind === 'files') return this.io;
    if (target.kind === 'slots') return this.slotIo;
    if (target.kind === 'memory') return new MemoryTileIo(this.io, target.buffers);
    return { read: (source, bytes, byteOffset) => this.io.read(source, bytes, byteOffset), write: () => {} };
  }

  run({ tile, slot, noted }: TileRequest): TileResult {
    const { plan, target } = this.setup;
    if (noted !== undefined && holdsTile(plan, tile, noted, this.readBack))
      return { ...noted, wasThere: true };
    if (target.kind === 'slots') this.slotIo.use(new Uint8Array(target.slots[slot]!));
    return this.copier.copy(tile);
  }

  private readonly readBack: ReadBack = (output, bytes, byteOffset) =>
    this.io.readBack(output, bytes, byteOffset);

  close(): void {
    this.io.close();
  }
}

/** Nobody asks for the CRC of what was put into memory, or nowhere. */
function crcScopeOf({ withCrc, target }: RunnerSetup): CrcScope {
  if (!withCrc) return 'none';
  return target.kind === 'memory' || target.kind === 'nowhere' ? 'storages' : 'all';
}
