/** What verifying could say about bytes. */
export type ByteProof =
  /** Compared with a checksum. */
  | 'proved'
  /** They follow from other bytes, and do: any other value would have been found. */
  | 'structure'
  /** They have a checksum, which was not compared. */
  | 'unread'
  /** They contradict their checksum. */
  | 'damaged'
  /** Nothing tells what they should be. */
  | 'unprovable';

export const PROOFS = [
  'proved',
  'structure',
  'unread',
  'damaged',
  'unprovable',
] as const satisfies readonly ByteProof[];

export interface VerifiedRange {
  relativePath: string;
  /** Bytes `[start, end)` of the file. */
  start: number;
  end: number;
  proof: ByteProof;
}

export interface ByteCounts {
  byteLength: number;
  proved: number;
  structure: number;
  unread: number;
  damaged: number;
  unprovable: number;
}

export interface VerifiedFile extends ByteCounts {
  relativePath: string;
}

/** Counts the bytes of every file by how they were proved. What nobody speaks of is not provable. */
export class ByteAccount {
  private readonly files = new Map<string, VerifiedFile>();
  private readonly whole = new Set<string>();

  constructor(private readonly onRange: ((range: VerifiedRange) => void) | undefined) {}

  addFile(relativePath: string, byteLength: number): void {
    if (this.files.has(relativePath)) return;
    this.files.set(relativePath, {
      relativePath,
      byteLength,
      proved: 0,
      structure: 0,
      unread: 0,
      damaged: 0,
      unprovable: byteLength,
    });
  }

  /** Tells of bytes `[start, end)` of a file; of each byte once. */
  add(relativePath: string, start: number, end: number, proof: ByteProof): void {
    const file = this.files.get(relativePath);
    if (file === undefined || end <= start || proof === 'unprovable') return;
    file[proof] += end - start;
    file.unprovable -= end - start;
    if (!this.whole.has(relativePath)) this.onRange?.({ relativePath, start, end, proof });
  }

  /** Tells of ranges that count from `base`. */
  addAll(
    relativePath: string,
    base: number,
    ranges: readonly { start: number; end: number }[],
    proof: ByteProof,
  ): void {
    if (this.onRange !== undefined) {
      for (const { start, end } of ranges) this.add(relativePath, base + start, base + end, proof);
      return;
    }
    let byteLength = 0;
    for (const { start, end } of ranges) byteLength += end - start;
    this.add(relativePath, base, base + byteLength, proof);
  }

  /** All bytes of the file have been proved, whatever else is said of them. */
  proveWhole(relativePath: string): void {
    const file = this.files.get(relativePath);
    if (file === undefined) return;
    this.whole.add(relativePath);
    this.onRange?.({ relativePath, start: 0, end: file.byteLength, proof: 'proved' });
  }

  /** By name, and all together. */
  result(): { files: VerifiedFile[]; bytes: ByteCounts } {
    const files = [...this.files.values()].map(file =>
      this.whole.has(file.relativePath)
        ? { ...file, proved: file.byteLength, structure: 0, unread: 0, damaged: 0, unprovable: 0 }
        : file,
    );
    const bytes: ByteCounts = {
      byteLength: 0,
      proved: 0,
      structure: 0,
      unread: 0,
      damaged: 0,
      unprovable: 0,
    };
    for (const file of files) {
      bytes.byteLength += file.byteLength;
      for (const proof of PROOFS) bytes[proof] += file[proof];
    }
    return { files: files.sort((a, b) => (a.relativePath < b.relativePath ? -1 : 1)), bytes };
  }
}
