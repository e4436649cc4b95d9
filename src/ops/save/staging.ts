import { newMemory } from '../../bytes.js';

/** Memory for staged tensors is taken in pieces of this many bytes; a larger tensor has one of its own. */
const ARENA_BYTE_LENGTH = 256 << 20;
/** Staged tensors begin on multiples of this, as the words of every element type must. */
const ALIGNMENT = 64;

/** Where a staged tensor lies. */
export interface StagedPlace {
  /** Position in `arenas`. */
  arena: number;
  byteOffset: number;
}

/** Memory for one staged state dict. */
export interface StagingArea {
  /** Shared memory, so that threads can write it out. */
  readonly arenas: readonly Uint8Array[];
  readonly places: readonly StagedPlace[];
}

/**
 * Memory that state dicts are copied to before they are written. With `isCached`, memory that the last save has given
 * back is used for the next of the same sizes.
 */
export class StagingMemory {
  private free: Uint8Array[] = [];

  constructor(private readonly isCached: boolean) {}

  /** Bytes that are kept for the next save. */
  get cachedByteLength(): number {
    return this.free.reduce((sum, arena) => sum + arena.length, 0);
  }

  /** Room for tensors of these lengths in bytes. @throws LimitError where there is not so much memory. */
  take(byteLengths: readonly number[]): StagingArea {
    const sizes: number[] = [];
    const places = byteLengths.map((byteLength): StagedPlace => {
      const start = Math.ceil((sizes.at(-1) ?? 0) / ALIGNMENT) * ALIGNMENT;
      if (sizes.length > 0 && start + byteLength <= ARENA_BYTE_LENGTH) {
        sizes[sizes.length - 1] = start + byteLength;
        return { arena: sizes.length - 1, byteOffset: start };
      }
      return { arena: sizes.push(byteLength) - 1, byteOffset: 0 };
    });
    return { arenas: sizes.map(size => this.takeArena(size)), places };
  }

  /** Takes memory back when nobody reads it any more. */
  giveBack({ arenas }: StagingArea): void {
    if (this.isCached) this.free = [...arenas];
  }

  /** Lets go of what is kept. */
  clear(): void {
    this.free = [];
  }

  private takeArena(byteLength: number): Uint8Array {
    const known = this.free.findIndex(arena => arena.length === byteLength);
    if (known >= 0) return this.free.splice(known, 1)[0]!;
    return newMemory(byteLength, { isShared: true });
  }
}
