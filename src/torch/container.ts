import { PROTO_CODE } from '../pickle/opcodes.js';
import type { PyValue } from '../pickle/values.js';
import type { ArchiveRecord } from '../zip/archive.js';

/** A torch file whose pickle has been read, whatever its container. Its storages are in the checkpoint's table. */
export interface TorchContainer {
  readonly format: 'torch' | 'torchscript';
  /** What was saved, with storages as leaves. */
  readonly value: PyValue;
  /** Every class and function that the pickle names, `module.name`. */
  readonly globals: ReadonlySet<string>;
  /** Which releases of torch write such a file, as text. */
  readonly torchEra: string;
  readonly pickleProtocol: number;
  /**
   * Finds where the bytes of each storage begin, by reading what stands before them, and enters it in the table.
   * @throws FormatError where that is not what the pickle says.
   */
  placeStorages(inflate: InflateRecord): Promise<void>;
}

/** Makes an ordinary byte run of a compressed record, and tells where. */
export type InflateRecord = (record: ArchiveRecord) => Promise<{ file: number; byteOffset: number }>;

/** What the opcode PROTO says; pickles of protocols 0 and 1 have none. */
export function pickleProtocolOf(pickle: Uint8Array, start = 0): number {
  return pickle[start] === PROTO_CODE ? pickle[start + 1]! : 0;
}
