import type { StorageTable } from '../checkpoint/storage.js';
import { withContext } from '../errors.js';
import type { ByteSource } from '../io/source.js';
import { locateRecord } from '../zip/reader.js';
import { readTorchArchive, type TorchArchive } from './archive.js';
import { pickleProtocolOf, type TorchContainer } from './container.js';
import { ArchiveStorages } from './storages.js';
import { treeOfTorchScript } from './torch-script.js';
import { unpickleArchive } from './unpickle.js';

/** Reads an archive of `torch.save` or `torch.jit.save`; its storages are file 0 of the table. */
export async function openZipContainer(source: ByteSource, table: StorageTable): Promise<TorchContainer> {
  const archive = await readTorchArchive(source, undefined, true);
  const data = new ArchiveStorages(archive, table, 0);
  const { value, globals } = withContext({ entry: 'data.pkl' }, () => unpickleArchive(archive, data));
  const constants = readConstants(archive, table, globals);
  const records = [...data.records, ...(constants?.storages.records ?? [])];
  return {
    format: constants === undefined ? 'torch' : 'torchscript',
    value: constants === undefined ? value : treeOfTorchScript(value, constants.value),
    globals,
    torchEra: torchEra(archive),
    pickleProtocol: pickleProtocolOf(archive.pickle),
    placeStorages: async inflate => {
      for (const { storage, record } of records) {
        if (record.method === 'stored') table.place(storage, 0, await locateRecord(source, record));
        else {
          const { file, byteOffset } = await inflate(record);
          table.place(storage, file, byteOffset);
        }
      }
    },
  };
}

function readConstants(archive: TorchArchive, table: StorageTable, globals: Set<string>) {
  const { constants: pickle } = archive;
  if (pickle === undefined) return undefined;
  const storages = new ArchiveStorages(archive, table, 0, '', 'constants/');
  const constants = withContext({ entry: 'constants.pkl' }, () => unpickleArchive({ pickle }, storages));
  for (const name of constants.globals) globals.add(name);
  return { value: constants.value, storages };
}

/** Which releases write an archive of this shape; docs/formats.md, "Which release wrote what". */
function torchEra(archive: TorchArchive): string {
  if (archive.constants !== undefined) return archive.hasByteOrder ? '2.1 or newer' : '1.4 or newer';
  if (archive.formatVersion !== undefined) return '2.7 or newer';
  if (archive.hasSerializationId) return '2.1 to 2.6';
  return archive.hasByteOrder ? '2.1' : '1.6 to 2.0';
}
