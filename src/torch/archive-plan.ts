import type { CopyPlanBuilder, RecordCast } from '../copy/plan.js';
import { UsageError } from '../errors.js';
import { addArchive, type PlannedRecord } from '../zip/archive-plan.js';
import { serializationIdOfCrcs, serializationIdOfNames } from '../zip/serialization-id.js';

/** What torch 2.7 and newer align the data of every record to (`.storage_alignment`). */
const STORAGE_ALIGNMENT = 64;
const SERIALIZATION_ID_BYTE_LENGTH = 40;

/** A storage to be written: how long it is, and how to plan its bytes into the record just begun. */
export interface PlannedStorage {
  byteLength: number;
  /** Of its elements, on the way: `byteLength` counts what they are converted to. */
  cast?: RecordCast | undefined;
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
  const known = (name: string, bytes: Uint8Array): PlannedRecord => ({ kind: 'known', name, bytes });
  const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
  const records: PlannedRecord[] = [
    known('data.pkl', archive.pickle),
    known('.format_version', text('1')),
    known('.storage_alignment', text(String(STORAGE_ALIGNMENT))),
    known('byteorder', text('little')),
    ...archive.storages.map(
      (storage, key): PlannedRecord => ({ kind: 'copied', name: `data/${key}`, ...storage }),
    ),
    known('version', text('3\n')),
  ];
  const { root, withCrc } = archive;
  const names = records.map(({ name }) => name);
  // The id is made of the CRCs of all records that have a data descriptor: those with bytes.
  const positions = [...names.keys()].filter(index => hasBytes(records[index]!));
  records.push({
    kind: 'computed',
    name: '.data/serialization_id',
    byteLength: SERIALIZATION_ID_BYTE_LENGTH,
    encode: crcOf => text(idOfNames(names) + serializationIdOfCrcs(positions.map(crcOf))),
  });
  return addArchive(plan, output, byteOffset, { root, alignment: STORAGE_ALIGNMENT, records, withCrc });
}

function hasBytes(record: PlannedRecord): boolean {
  return record.kind === 'known' ? record.bytes.length > 0 : record.byteLength > 0;
}

/** Names depend only on how many storages there are, and a DCP file holds a hundred thousand archives of one. */
const knownIds = new Map<number, string>();

function idOfNames(names: readonly string[]): string {
  let id = knownIds.get(names.length);
  if (id === undefined) {
    id = serializationIdOfNames(names);
    knownIds.set(names.length, id);
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
