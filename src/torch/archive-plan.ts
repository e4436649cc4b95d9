import { crc32 } from '../copy/crc32.js';
import type { CopyPlanBuilder } from '../copy/plan.js';
import { UsageError } from '../errors.js';
import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from '../zip/encode.js';
import { type ArchiveLayout, dataDescriptorByteOffset, layoutArchive } from '../zip/layout.js';
import { serializationIdOfCrcs, serializationIdOfNames } from '../zip/serialization-id.js';

/** What torch 2.7 and newer align the data of every record to (`.storage_alignment`). */
const STORAGE_ALIGNMENT = 64;
const SERIALIZATION_ID_BYTE_LENGTH = 40;

/** A storage to be written: how long it is, and how to plan its bytes into the record just begun. */
export interface PlannedStorage {
  byteLength: number;
  addPieces(): void;
}

/**
 * Adds a whole torch.save archive to a plan, as torch ≥ 2.7 lays it out: `data.pkl`, `.format_version`,
 * `.storage_alignment`, `byteorder`, `data/0` …, `version`, `.data/serialization_id`.
 *
 * `byteOffset` is where it begins in the output; offsets inside count from there. Returns its byte length.
 * Without CRCs every checksum field is 0, as torch writes them with checksums off.
 */
export function addTorchArchive(
  plan: CopyPlanBuilder,
  output: number,
  byteOffset: number,
  archive: { root: string; pickle: Uint8Array; storages: readonly PlannedStorage[]; withCrc: boolean },
): number {
  const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
  const { storages, withCrc } = archive;
  const before: [string, Uint8Array][] = [
    ['data.pkl', archive.pickle],
    ['.format_version', text('1')],
    ['.storage_alignment', text(String(STORAGE_ALIGNMENT))],
    ['byteorder', text('little')],
  ];
  const version = text('3\n');
  const layout = layoutArchive({
    root: archive.root,
    alignment: STORAGE_ALIGNMENT,
    records: [
      ...before.map(([name, bytes]) => ({ name, byteLength: bytes.length })),
      ...storages.map(({ byteLength }, key) => ({ name: `data/${key}`, byteLength })),
      { name: 'version', byteLength: version.length },
      { name: '.data/serialization_id', byteLength: SERIALIZATION_ID_BYTE_LENGTH },
    ],
  });
  const crcOf = (bytes: Uint8Array): number => (withCrc ? crc32(bytes) : 0);
  const firstStorage = before.length;
  const versionIndex = firstStorage + storages.length;

  const head = before.flatMap(([, bytes], i) => [
    encodeLocalHeader(layout, i),
    bytes,
    encodeDataDescriptor(layout, i, crcOf(bytes)),
  ]);
  // What stands before the data of a record goes with what ends the one before it: one write for both.
  const headerAfterHead = encodeLocalHeader(layout, firstStorage);
  plan.addLiteral(output, byteOffset, Buffer.concat([...head, headerAfterHead]));

  const records: number[] = [];
  for (const [key, storage] of storages.entries()) {
    const index = firstStorage + key;
    const record = plan.beginRecord(output, byteOffset + layout.dataByteOffsets[index]!, storage.byteLength);
    records.push(record);
    storage.addPieces();
    if (index + 1 === versionIndex) continue;
    const start = dataDescriptorByteOffset(layout, index);
    plan.addDeferred({
      output,
      byteOffset: byteOffset + start,
      byteLength: layout.dataByteOffsets[index + 1]! - start,
      encode: crcOfRecord => endAndHeader(layout, index, crcOfRecord(record)),
    });
  }

  const tailStart =
    storages.length === 0
      ? layout.dataByteOffsets[versionIndex]!
      : dataDescriptorByteOffset(layout, versionIndex - 1);
  plan.addDeferred({
    output,
    byteOffset: byteOffset + tailStart,
    byteLength: layout.byteLength - tailStart,
    encode: crcOfRecord => {
      const known = before.map(([, bytes]) => crcOf(bytes));
      return encodeTail(layout, [...known, ...records.map(crcOfRecord), crcOf(version)], version, crcOf);
    },
  });
  return layout.byteLength;
}

/** The data descriptor of record `index` and the local header of the next. */
function endAndHeader(layout: ArchiveLayout, index: number, crc: number): Uint8Array {
  return Buffer.concat([encodeDataDescriptor(layout, index, crc), encodeLocalHeader(layout, index + 1)]);
}

/** Everything behind the data of the last storage. `crcs`: of all records but the serialization id. */
function encodeTail(
  layout: ArchiveLayout,
  crcs: number[],
  version: Uint8Array,
  crcOf: (bytes: Uint8Array) => number,
): Uint8Array {
  const versionIndex = layout.names.length - 2;
  const withDescriptor = crcs.filter((_, i) => layout.byteLengths[i]! > 0);
  const id = Buffer.from(idOfNames(layout) + serializationIdOfCrcs(withDescriptor), 'latin1');
  const parts = [
    version,
    endAndHeader(layout, versionIndex, crcs[versionIndex]!),
    id,
    encodeDataDescriptor(layout, versionIndex + 1, crcOf(id)),
    encodeDirectory(layout, [...crcs, crcOf(id)]),
  ];
  const isOnlyLiterals = layout.names[versionIndex - 1] === 'byteorder';
  if (!isOnlyLiterals) parts.unshift(endAndHeader(layout, versionIndex - 1, crcs[versionIndex - 1]!));
  return Buffer.concat(parts);
}

/** Names depend only on how many storages there are, and a DCP file holds a hundred thousand archives of one. */
const knownIds = new Map<number, string>();

function idOfNames(layout: ArchiveLayout): string {
  const count = layout.names.length;
  let id = knownIds.get(count);
  if (id === undefined) {
    id = serializationIdOfNames(layout.names.slice(0, -1));
    knownIds.set(count, id);
  }
  return id;
}

/**
 * The top-level directory that torch gives an archive saved to this path: the file name without its last
 * extension; `archive` for a path that is not ASCII (`_open_zipfile_writer_file` in `torch/serialization.py`).
 * @throws UsageError for a name that is only an extension, which torch refuses too.
 */
export function archiveRootOf(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is that of ASCII
  if (!/^[\x00-\x7f]*$/.test(path)) return 'archive';
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const dot = name.lastIndexOf('.');
  const root = dot < 0 ? name : name.slice(0, dot);
  if (root === '') {
    throw new UsageError('The name of a torch.save file cannot be only an extension', {
      found: name,
      hint: 'Choose a name such as model.pth.',
    });
  }
  return root;
}
