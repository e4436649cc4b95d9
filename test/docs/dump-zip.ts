/** Bytes of a zip archive as rows of a dump, by the tables of PKZIP APPNOTE 4.3 alone: no reader of the program is asked. */
import { crc32 } from 'node:zlib';

/** Bytes that mean one thing. */
export interface DumpRow {
  at: number;
  end: number;
  text: string;
}

export interface ZipRecord {
  name: string;
  headerAt: number;
  payloadAt: number;
  payloadEnd: number;
}

/** A field of a structure; fields of one group share a row. */
type Field = readonly [name: string, byteLength: number, radix?: 16];
type Group = readonly Field[];

const LOCAL_HEADER: readonly Group[] = [
  [
    ['version needed', 2],
    ['flags', 2, 16],
    ['method', 2],
  ],
  [
    ['time', 2],
    ['date', 2],
  ],
  [
    ['CRC-32', 4],
    ['compressed size', 4],
    ['size', 4],
  ],
  [
    ['name length', 2],
    ['extra length', 2],
  ],
];
const DESCRIPTOR: readonly Group[] = [
  [['CRC-32', 4, 16]],
  [
    ['compressed size', 4],
    ['size', 4],
  ],
];
const DIRECTORY_ENTRY: readonly Group[] = [
  [
    ['made by', 2],
    ['version needed', 2],
  ],
  [
    ['flags', 2, 16],
    ['method', 2],
  ],
  [
    ['time', 2],
    ['date', 2],
  ],
  [['CRC-32', 4, 16]],
  [
    ['compressed size', 4],
    ['size', 4],
  ],
  [
    ['name length', 2],
    ['extra length', 2],
    ['comment length', 2],
  ],
  [
    ['disk', 2],
    ['attributes', 2],
    ['outer attributes', 4],
  ],
  [['header at', 4]],
];
const ZIP64_END: readonly Group[] = [
  [['bytes that follow', 8]],
  [
    ['made by', 2, 16],
    ['version needed', 2, 16],
  ],
  [
    ['disk', 4],
    ['disk of the directory', 4],
  ],
  [['entries on this disk', 8]],
  [['entries', 8]],
  [['directory size', 8]],
  [['directory at', 8]],
];
const ZIP64_LOCATOR: readonly Group[] = [[['disk', 4]], [['zip64 end record at', 8]], [['disks', 4]]];
const END: readonly Group[] = [
  [
    ['disk', 2],
    ['disk of the directory', 2],
  ],
  [
    ['entries on this disk', 2],
    ['entries', 2],
  ],
  [['directory size', 4]],
  [['directory at', 4]],
  [['comment length', 2]],
];
const SIGNATURE_LENGTH = 4;
const END_LENGTH = 22;
const ZIP64_LOCATOR_LENGTH = 20;
const ZIP64_END_LENGTH = 56;

/** One archive among other bytes: positions are those in `bytes`, numbers in the archive count from `start`. */
export class DumpedZip {
  readonly records: readonly ZipRecord[];
  private readonly view: DataView;
  private readonly directoryAt: number;

  constructor(
    private readonly bytes: Buffer,
    private readonly start: number,
    private readonly end: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const count = this.view.getUint16(end - 12, true);
    this.directoryAt = start + this.view.getUint32(end - 6, true);
    const records: ZipRecord[] = [];
    for (let at = this.directoryAt; records.length < count; ) {
      const [nameLength, extraLength] = [
        this.view.getUint16(at + 28, true),
        this.view.getUint16(at + 30, true),
      ];
      const headerAt = start + this.view.getUint32(at + 42, true);
      const payloadAt =
        headerAt + 30 + this.view.getUint16(headerAt + 26, true) + this.view.getUint16(headerAt + 28, true);
      const payloadEnd = payloadAt + this.view.getUint32(at + 24, true);
      records.push({
        name: bytes.toString('utf8', at + 46, at + 46 + nameLength),
        headerAt,
        payloadAt,
        payloadEnd,
      });
      at += 46 + nameLength + extraLength;
    }
    this.records = records;
  }

  /**
   * Rows of the whole archive. Of the first record and its entry each field has its place where it is `detailed`;
   * all other structures are a row each.
   */
  rows(payloadRows: (record: ZipRecord) => DumpRow[], detailed: boolean): DumpRow[] {
    return [
      ...this.records.flatMap((record, i) => [
        ...this.headerRows(record, detailed && i === 0),
        ...payloadRows(record),
        ...this.descriptorRows(record, detailed && i === 0),
      ]),
      ...this.directoryRows(detailed),
      ...this.endRows(detailed),
    ];
  }

  private headerRows({ name, headerAt, payloadAt }: ZipRecord, detailed: boolean): DumpRow[] {
    const nameAt = headerAt + 30;
    const extraAt = nameAt + name.length;
    const padding = payloadAt - extraAt - 4;
    const id = this.bytes.toString('latin1', extraAt, extraAt + 2);
    const extra = `extra field '${id}', ${padding} bytes of '${this.bytes.toString('latin1', extraAt + 4, extraAt + 5)}'`;
    if (!detailed) return [row(headerAt, payloadAt, `local header of '${name}', ${extra}`)];
    return [
      ...this.groupRows(headerAt, 'local header', LOCAL_HEADER),
      row(nameAt, extraAt, `name '${name}'`),
      row(extraAt, payloadAt, extra),
    ];
  }

  private descriptorRows({ payloadAt, payloadEnd }: ZipRecord, detailed: boolean): DumpRow[] {
    const stored = this.view.getUint32(payloadEnd + 4, true);
    const isRight = stored === crc32(this.bytes.subarray(payloadAt, payloadEnd));
    const length = payloadEnd - payloadAt;
    const says = `CRC-32 ${hexadecimal(stored)}${isRight ? '' : ' (wrong)'}`;
    if (!detailed) return [row(payloadEnd, payloadEnd + 16, `data descriptor: ${says}, size ${length}`)];
    return this.groupRows(payloadEnd, 'data descriptor', DESCRIPTOR);
  }

  private directoryRows(detailed: boolean): DumpRow[] {
    let at = this.directoryAt;
    return this.records.flatMap(({ name, headerAt }, i) => {
      const entryAt = at;
      at += 46 + name.length;
      if (!detailed || i > 0) {
        return [row(entryAt, at, `directory entry of '${name}', header at ${headerAt - this.start}`)];
      }
      return [
        ...this.groupRows(entryAt, 'directory entry', DIRECTORY_ENTRY),
        row(entryAt + 46, at, `name '${name}'`),
      ];
    });
  }

  private endRows(detailed: boolean): DumpRow[] {
    const endAt = this.end - END_LENGTH;
    const locatorAt = endAt - ZIP64_LOCATOR_LENGTH;
    const zip64At = locatorAt - ZIP64_END_LENGTH;
    if (detailed) {
      return [
        ...this.groupRows(zip64At, 'zip64 end record', ZIP64_END),
        ...this.groupRows(locatorAt, 'zip64 locator', ZIP64_LOCATOR),
        ...this.groupRows(endAt, 'end record', END),
      ];
    }
    const entries = this.records.length;
    const at = this.directoryAt - this.start;
    return [
      row(zip64At, locatorAt, `zip64 end record: ${entries} entries, directory at ${at}`),
      row(locatorAt, endAt, `zip64 locator: zip64 end record at ${zip64At - this.start}`),
      row(endAt, this.end, `end record: ${entries} entries, directory at ${at}`),
    ];
  }

  private groupRows(at: number, name: string, groups: readonly Group[]): DumpRow[] {
    const rows = [row(at, at + SIGNATURE_LENGTH, name)];
    for (const group of groups) {
      const from = rows.at(-1)!.end;
      let end = from;
      const texts = group.map(([label, byteLength, radix]) => {
        const value = this.unsigned(end, byteLength);
        end += byteLength;
        return `${label} ${radix === 16 ? hexadecimal(value, byteLength) : value}`;
      });
      rows.push(row(from, end, texts.join(', ')));
    }
    return rows;
  }

  private unsigned(at: number, byteLength: number): number {
    if (byteLength === 8) return Number(this.view.getBigUint64(at, true));
    return byteLength === 4 ? this.view.getUint32(at, true) : this.view.getUint16(at, true);
  }
}

function row(at: number, end: number, text: string): DumpRow {
  return { at, end, text };
}

function hexadecimal(value: number, byteLength = 4): string {
  return `0x${value.toString(16).padStart(2 * byteLength, '0')}`;
}
