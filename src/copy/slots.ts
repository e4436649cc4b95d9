import type { TileIo } from './tile.js';

/** Tiles that go through memory are small: as many of them are in it as there are slots. */
export const SLOT_TILE_BYTE_LENGTH = 4 << 20;
/** A tile may be a little longer than asked for, since records are not cut finer than 64 KiB. */
export const SLOT_BYTE_LENGTH = SLOT_TILE_BYTE_LENGTH + (1 << 17);

/** Collects the records of a tile one behind the other in a slot of memory. */
export class SlotTileIo implements TileIo {
  private slot: Uint8Array = new Uint8Array(0);
  private filled = 0;

  constructor(readonly read: TileIo['read']) {}

  /** The next tile goes to the start of this slot. */
  use(slot: Uint8Array): void {
    this.slot = slot;
    this.filled = 0;
  }

  write(_output: number, bytes: Uint8Array): void {
    this.slot.set(bytes, this.filled);
    this.filled += bytes.length;
  }
}
