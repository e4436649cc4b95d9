import { StorageTable } from '../../src/checkpoint/storage.js';
import { MemorySource } from '../../src/io/source.js';
import { readTorchArchive } from '../../src/torch/archive.js';
import { COMPUTED_GETATTR, isDangerousGlobal } from '../../src/torch/globals.js';
import { ArchiveStorages } from '../../src/torch/storages.js';
import { unpickleArchive } from '../../src/torch/unpickle.js';
import { encodeArchive } from '../../src/zip/writer.js';
import { is, suite } from '../suite.js';

const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** Protocol 2, put together opcode by opcode. */
const GETATTR = 'c__builtin__\ngetattr\n';
const text = (value: string): string => `X${String.fromCharCode(value.length)}\0\0\0${value}`;
const pickle = (body: string): Uint8Array => ascii(`\x80\x02${body}.`);

suite('getattr in a pickle', ({ each }) => {
  each(
    [
      { name: 'a member of an enum', body: `${GETATTR}cenum\nColor\n${text('RED')}\x86R`, isComputed: false },
      {
        name: 'a private name of a function that is allowed',
        body: `${GETATTR}ctorch.serialization\n_get_layout\n${text('__globals__')}\x86R`,
        isComputed: true,
      },
      {
        name: 'an attribute of an attribute',
        body: `${GETATTR}${GETATTR}cenum\nColor\n${text('RED')}\x86R${text('name')}\x86R`,
        isComputed: true,
      },
      {
        name: 'a name that is computed',
        body: `${GETATTR}cenum\nColor\nc__builtin__\nstr\n${text('x')}\x85R\x86R`,
        isComputed: true,
      },
    ],
    ({ name }) => name,
    async ({ body, isComputed }) => {
      const bytes = encodeArchive(
        [
          { name: 'data.pkl', bytes: pickle(body) },
          { name: 'version', bytes: ascii('3\n') },
        ],
        { root: 'archive', alignment: 64 },
      );
      const archive = await readTorchArchive(new MemorySource(bytes));
      const { globals } = unpickleArchive(archive, new ArchiveStorages(archive, new StorageTable(), 0));
      is(globals.has(COMPUTED_GETATTR), isComputed);
      is([...globals].some(isDangerousGlobal), isComputed);
    },
  );
});
