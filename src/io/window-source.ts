import type { ByteSource } from './source.js';

const WINDOW_BYTE_LENGTH = 8192;
/** The head and the tail of what is read in turns, and what lies next to them. */
const WINDOW_COUNT = 4;

interface Window {
  start: number;
  bytes: Uint8Array;
}

/**
 * A source for many small reads that lie close to each other: it keeps the last few kilobytes that it read. Large reads
 * go through. Closing it leaves the whole open.
 */
export class WindowSource implements ByteSource {
  /** The one used last comes first. */
  private windows: Window[] = [];

  constructor(private readonly whole: ByteSource) {}

  get name(): string {
    return this.whole.name;
  }

  get byteLength(): number {
    return this.whole.byteLength;
  }

  async readInto(target: Uint8Array, byteOffset: number): Promise<void> {
    if (target.length > WINDOW_BYTE_LENGTH || byteOffset + target.length > this.byteLength) {
      await this.whole.readInto(target, byteOffset);
      return;
    }
    const { start, bytes } = await this.windowAt(byteOffset, target.length);
    target.set(bytes.subarray(byteOffset - start, byteOffset - start + target.length));
  }

  private async windowAt(byteOffset: number, byteLength: number): Promise<Window> {
    const known = this.windows.findIndex(
      ({ start, bytes }) => start <= byteOffset && byteOffset + byteLength <= start + bytes.length,
    );
    let window: Window;
    if (known >= 0) window = this.windows.splice(known, 1)[0]!;
    else {
      const bytes = new Uint8Array(Math.min(WINDOW_BYTE_LENGTH, this.byteLength - byteOffset));
      await this.whole.readInto(bytes, byteOffset);
      window = { start: byteOffset, bytes };
      if (this.windows.length === WINDOW_COUNT) this.windows.pop();
    }
    this.windows.unshift(window);
    return window;
  }

  close(): void {}
}
