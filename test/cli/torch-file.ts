/** torch.save files of one float32 tensor of zeros, made by hand: of any size (sparse) and any name. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';

/**
 * Writes `{name: torch.zeros(elementCount)}` as torch before 2.1 did, with checksums off. The record of the tensor
 * takes no disk.
 */
export function writeTorchFile(path: string, name: string, elementCount: number): void {
  const records: [name: string, bytes: Buffer | number][] = [
    ['f/data.pkl', pickleOf(name, elementCount)],
    ['f/data/0', elementCount * 4],
    ['f/version', Buffer.from('3\n')],
  ];
  const fd = openSync(path, 'w');
  try {
    let at = 0;
    const directory: Buffer[] = [];
    for (const [recordName, bytes] of records) {
      const byteLength = typeof bytes === 'number' ? bytes : bytes.length;
      directory.push(directoryEntry(recordName, byteLength, at));
      const header = localHeader(recordName, byteLength);
      writeSync(fd, header, 0, header.length, at);
      if (typeof bytes !== 'number') writeSync(fd, bytes, 0, bytes.length, at + header.length);
      at += header.length + byteLength;
    }
    ftruncateSync(fd, at);
    const tail = Buffer.concat([...directory, endRecord(directory, at)]);
    writeSync(fd, tail, 0, tail.length, at);
  } finally {
    closeSync(fd);
  }
}

function pickleOf(name: string, elementCount: number): Buffer {
  const int = (value: number): Buffer => fields([1, 0x4a], [4, value]);
  const text = (value: string): Buffer => {
    const utf8 = Buffer.from(value);
    return Buffer.concat([fields([1, 0x58], [4, utf8.length]), utf8]);
  };
  const ascii = (value: string): Buffer => Buffer.from(value, 'latin1');
  return Buffer.concat([
    ascii('\x80\x02}'),
    text(name),
    ascii('ctorch._utils\n_rebuild_tensor_v2\n(('),
    text('storage'),
    ascii('ctorch\nFloatStorage\n'),
    text('0'),
    text('cpu'),
    int(elementCount),
    ascii('tQK\0'),
    int(elementCount),
    ascii('\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtRs.'),
  ]);
}

/** PKZIP APPNOTE 4.3.7; stored, CRC-32 0. */
function localHeader(name: string, byteLength: number): Buffer {
  return Buffer.concat([
    fields([4, 0x04034b50], [2, 20], [2, 0], [2, 0], [4, 0], [4, 0], [4, byteLength], [4, byteLength]),
    fields([2, name.length], [2, 0]),
    Buffer.from(name),
  ]);
}

/** PKZIP APPNOTE 4.3.12. */
function directoryEntry(name: string, byteLength: number, at: number): Buffer {
  return Buffer.concat([
    fields(
      [4, 0x02014b50],
      [2, 20],
      [2, 20],
      [2, 0],
      [2, 0],
      [4, 0],
      [4, 0],
      [4, byteLength],
      [4, byteLength],
    ),
    fields([2, name.length], [2, 0], [2, 0], [2, 0], [2, 0], [4, 0], [4, at]),
    Buffer.from(name),
  ]);
}

/** PKZIP APPNOTE 4.3.16. */
function endRecord(directory: readonly Buffer[], at: number): Buffer {
  const byteLength = directory.reduce((sum, entry) => sum + entry.length, 0);
  const count = directory.length;
  return fields([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, byteLength], [4, at], [2, 0]);
}

/** Little-endian unsigned integers, each of so many bytes. */
function fields(...values: [byteLength: number, value: number][]): Buffer {
  return Buffer.concat(
    values.map(([byteLength, value]) => {
      const bytes = Buffer.alloc(byteLength);
      bytes.writeUIntLE(value, 0, byteLength);
      return bytes;
    }),
  );
}
