import { MemorySource } from '../../src/io/source.js';
import { readTorchArchive, storageRecord } from '../../src/torch/archive.js';
import { type ExpectedError, equal, is, rejects, suite, throws } from '../suite.js';
import { ascii, dict, type Records, torchFileBytes } from './hand-made.js';

const open = (records: Records, root?: string) =>
  readTorchArchive(new MemorySource(torchFileBytes(dict({}), records, root)));

suite('torch.save archives', ({ each, test }) => {
  const accepted: [name: string, records: Records][] = [
    ['the least that torch reads', {}],
    ['version 1', { version: ascii('1') }],
    ['version 10', { version: ascii('10\n') }],
    ['a version after blanks', { version: ascii(' \t3') }],
    ['a version with something behind it', { version: ascii('3garbage') }],
    ['the version of a newer format', { version: undefined, '.data/version': ascii('7\n') }],
    [
      'names in capitals',
      { 'data.pkl': undefined, 'DATA.PKL': ascii('N.'), version: undefined, Version: ascii('3') },
    ],
    ['records that nobody refers to', { 'data/99': ascii('x'), notes: ascii('y'), 'code/a.py': ascii('z') }],
  ];
  each(
    accepted,
    ([name]) => `opens ${name}`,
    async ([, records]) => {
      const { bigEndian, hasByteOrder, formatVersion, hasSerializationId } = await open(records);
      equal([bigEndian, hasByteOrder, formatVersion, hasSerializationId], [false, false, undefined, false]);
    },
  );

  test('what the other records say', async () => {
    const { bigEndian, hasByteOrder, formatVersion, hasSerializationId } = await open({
      byteorder: ascii('big'),
      '.format_version': ascii('1'),
      '.data/serialization_id': ascii('0'.repeat(40)),
    });
    equal([bigEndian, hasByteOrder, formatVersion, hasSerializationId], [true, true, '1', true]);
  });

  // The refusals are torch 2.14's; it loads a file whose byteorder is missing as little-endian.
  const refused: [name: string, records: Records, expected: ExpectedError][] = [
    ['without data.pkl', { 'data.pkl': undefined }, { code: 'format', message: /no record data\.pkl/ }],
    ['TorchScript', { 'constants.pkl': ascii('x') }, { code: 'unsupported', message: /TorchScript/ }],
    ['without version', { version: undefined }, { code: 'format', message: /no record version/ }],
    [
      'of version 0',
      { version: ascii('0') },
      { code: 'format', message: /Unknown version.*1 to 10.*found "0"/ },
    ],
    ['of version 11', { version: ascii('11\n') }, { code: 'format', message: /Unknown version.*"11\\n"/ }],
    [
      'of a version that is no number',
      { version: ascii('x3') },
      { code: 'format', message: /Unknown version/ },
    ],
    ['of no version', { version: ascii('') }, { code: 'format', message: /Unknown version/ }],
    [
      'with a byte order and a line end',
      { byteorder: ascii('little\n') },
      { code: 'format', message: /Unknown byte order.*"little\\n"/ },
    ],
    ['with another byte order', { byteorder: ascii('middle') }, { code: 'format', message: /little or big/ }],
    ['with a version record beyond reason', { version: new Uint8Array(5000) }, { code: 'limit' }],
  ];
  each(
    refused,
    ([name]) => `refuses an archive ${name}`,
    async ([, records, expected]) => void (await rejects(() => open(records), expected)),
  );

  each(
    ['', 'PK', 'not a zip at all, but long enough to be looked at'],
    text => `refuses ${JSON.stringify(text)}`,
    async text =>
      void (await rejects(() => readTorchArchive(new MemorySource(ascii(text))), { code: 'format' })),
  );
});

suite('storages in archives', ({ test }) => {
  test('a record is looked up by its key, and must be as long as its tensors say', async () => {
    const { archive } = await open({});
    is(storageRecord(archive, 'data/0', 16).name, 'data/0');
    throws(() => storageRecord(archive, 'data/0', 20), {
      code: 'format',
      message: /another length.*20 bytes.*16 bytes.*data\/0/,
    });
    throws(() => storageRecord(archive, 'data/1', 16), {
      code: 'format',
      message: /the archive lacks.*record data\/1/,
    });
  });
});
