/** Tricks with the containers around a pickle: what torch still loads, and scanners did not read. */
import { deflateSync, gzipSync } from 'node:zlib';
import { bytes, COMMAND, HARMLESS, MALICIOUS, op, tar, torchZip, type ZipEntry, zip } from './assembler.js';
import type { HostileFile } from './pickles.js';

const VERSION: ZipEntry = { name: 'archive/version', data: bytes('3\n') };
const LEGACY_MAGIC = bytes(op.proto(2), '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19', op.stop);
const LEGACY_VERSION = bytes(op.proto(2), 'M\xe9\x03', op.stop);
const EMPTY_LIST = bytes(op.proto(2), op.emptyList, op.stop);

type Row = Omit<HostileFile, 'file' | 'loader' | 'executes' | 'verdict'> &
  Partial<Pick<HostileFile, 'file' | 'loader' | 'executes' | 'verdict'>>;

const ROWS: readonly Row[] = [
  { name: 'the plain archive', make: () => torchZip(MALICIOUS), finds: 'os.system' },
  { name: 'DATA.PKL', make: () => torchZip(MALICIOUS, { name: 'archive/DATA.PKL' }), finds: 'os.system' },
  {
    name: 'a frame whose end hides the start of a name: torch reads os, flat readers xyos',
    make: () =>
      torchZip(
        bytes(op.proto(4), op.frame(3), 'cxyos\nsystem\n', op.text(COMMAND), op.tuple1, op.reduce, op.stop),
      ),
    finds: 'os.system',
  },
  { name: 'deflated', make: () => torchZip(MALICIOUS, { deflate: true }), finds: 'os.system' },
  {
    name: 'a wrong CRC-32 in both headers',
    make: () => torchZip(MALICIOUS, { local: { crc32: 1 }, central: { crc32: 1 } }),
    finds: 'os.system',
  },
  {
    name: 'a wrong CRC-32 of deflated data',
    make: () => torchZip(MALICIOUS, { deflate: true, central: { crc32: 1 }, local: { crc32: 1 } }),
    finds: 'os.system',
  },
  {
    name: 'the flag of encryption, in the local header only',
    make: () => torchZip(MALICIOUS, { local: { flags: 1 } }),
    finds: 'os.system',
  },
  {
    name: 'the flag of encryption, in the directory only',
    make: () => torchZip(MALICIOUS, { central: { flags: 1 } }),
    finds: 'archive',
    executes: false,
  },
  {
    name: 'another name in the local header',
    make: () => torchZip(MALICIOUS, { local: { name: 'archive/data.txt' } }),
    finds: 'archive',
  },
  {
    name: 'another method in the local header',
    make: () => torchZip(MALICIOUS, { deflate: true, local: { method: 0 } }),
    finds: 'os.system',
  },
  {
    name: 'two records of one name, the harmless one first',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: HARMLESS },
        { name: 'archive/data.pkl', data: MALICIOUS },
        VERSION,
      ]),
    finds: 'os.system',
    executes: false,
  },
  {
    name: 'two records of one name, the harmless one last',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: MALICIOUS },
        { name: 'archive/data.pkl', data: HARMLESS },
        VERSION,
      ]),
    finds: 'os.system',
  },
  {
    name: 'two records that differ in case',
    make: () =>
      zip([
        { name: 'archive/Data.pkl', data: MALICIOUS },
        { name: 'archive/data.pkl', data: HARMLESS },
        VERSION,
      ]),
    finds: 'os.system',
  },
  {
    name: 'a harmless archive in front: two directories, two ends',
    make: () => {
      const harmless = torchZip(HARMLESS);
      return bytes(harmless, torchZip(MALICIOUS, {}, { shift: harmless.length }));
    },
    finds: 'os.system',
  },
  {
    name: 'a harmless end record behind the directory',
    make: () => bytes(torchZip(MALICIOUS), 'PK\x05\x06', Buffer.alloc(18)),
    finds: 'os.system',
    executes: false,
  },
  {
    name: 'a malicious archive in the comment of a harmless one',
    make: () => torchZip(HARMLESS, {}, { comment: torchZip(MALICIOUS).toString('latin1') }),
    finds: 'os.system',
    executes: false,
  },
  {
    name: 'bytes in front',
    make: () => bytes('#!/bin/sh\n', torchZip(MALICIOUS, {}, { shift: 10 })),
    finds: 'os.system',
    executes: false,
  },
  { name: 'bytes behind', make: () => bytes(torchZip(MALICIOUS), 'behind'), finds: 'os.system' },
  {
    name: 'the directory is cut off',
    make: () => torchZip(MALICIOUS).subarray(0, -30),
    finds: 'os.system',
    executes: false,
  },
  {
    name: 'a record that no directory names',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: HARMLESS },
        { ...VERSION, gap: torchZip(MALICIOUS) },
      ]),
    finds: 'os.system',
    executes: false,
  },
  {
    name: 'an archive in the archive',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: HARMLESS },
        { name: 'archive/more.bin', data: torchZip(MALICIOUS) },
        VERSION,
      ]),
    finds: 'os.system',
    executes: false,
  },
  {
    name: 'archives in archives, twenty deep',
    make: () => {
      let inner = torchZip(MALICIOUS);
      for (let depth = 0; depth < 20; depth++)
        inner = zip([{ name: 'a/inner.bin', data: inner, deflate: true }]);
      return inner;
    },
    finds: 'unreadable',
    executes: false,
    verdict: 'unknown',
  },
  {
    name: 'a deflated record that becomes a gigabyte',
    make: () => torchZip(HARMLESS, { name: 'archive/data.pkl', data: Buffer.alloc(1 << 27), deflate: true }),
    finds: 'broken_pickle',
    executes: false,
    verdict: 'unknown',
  },
  {
    name: 'code in the archive',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: HARMLESS },
        { name: 'archive/code/run.py', data: bytes('import os') },
        VERSION,
      ]),
    finds: 'program',
    executes: false,
    verdict: 'unknown',
  },
  {
    name: 'a TorchScript program',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: HARMLESS },
        { name: 'archive/constants.pkl', data: HARMLESS },
        { name: 'archive/code/__torch__.py', data: bytes('class M(Module):\n') },
        VERSION,
      ]),
    finds: 'torchscript',
    executes: false,
    verdict: 'unknown',
  },
  {
    name: 'Python beside a TorchScript program',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: HARMLESS },
        { name: 'archive/constants.pkl', data: HARMLESS },
        { name: 'archive/code/__torch__.py', data: bytes('class M(Module):\n') },
        { name: 'archive/extra/run.py', data: bytes('import os') },
        VERSION,
      ]),
    finds: 'program',
    executes: false,
    verdict: 'unknown',
  },
  {
    name: 'os.system in a TorchScript program',
    make: () =>
      zip([
        { name: 'archive/data.pkl', data: MALICIOUS },
        { name: 'archive/constants.pkl', data: HARMLESS },
        { name: 'archive/code/__torch__.py', data: bytes('class M(Module):\n') },
        VERSION,
      ]),
    finds: 'os.system',
    executes: false,
  },
  {
    name: 'legacy, in the object',
    make: () => bytes(LEGACY_MAGIC, LEGACY_VERSION, HARMLESS, MALICIOUS, EMPTY_LIST),
    finds: 'os.system',
  },
  { name: 'legacy, in place of the magic number', make: () => MALICIOUS, finds: 'os.system' },
  {
    name: 'legacy, in the facts about the machine',
    make: () => bytes(LEGACY_MAGIC, LEGACY_VERSION, MALICIOUS, HARMLESS, EMPTY_LIST),
    finds: 'os.system',
  },
  {
    name: 'legacy, in the keys of storages',
    make: () => bytes(LEGACY_MAGIC, LEGACY_VERSION, HARMLESS, HARMLESS, MALICIOUS),
    finds: 'os.system',
  },
  {
    name: 'the tar archive of 2016',
    make: () =>
      tar([
        ['sys_info', HARMLESS],
        ['pickle', HARMLESS],
        ['storages', MALICIOUS],
        ['tensors', HARMLESS],
      ]),
    finds: 'os.system',
  },
  {
    name: 'tar, without its magic',
    make: () => {
      const archive = tar([['storages', MALICIOUS]]);
      // Blanks in place of what is taken out keep no sum: the checksum is of this header.
      const sum = archive
        .subarray(0, 512)
        .fill(0, 257, 265)
        .fill(0x20, 148, 156)
        .reduce((total, byte) => total + byte, 0);
      archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
      return archive;
    },
    finds: 'os.system',
  },
  {
    name: 'tar, whose first member has no name',
    make: () =>
      tar([
        ['', HARMLESS],
        ['storages', MALICIOUS],
      ]),
    finds: 'os.system',
  },
  {
    name: 'tar, of a type that also is a file',
    make: () => tar([['storages', MALICIOUS, { type: '7' }]]),
    finds: 'os.system',
  },
  {
    name: 'tar, of a type that nobody knows',
    make: () =>
      tar([
        ['sys_info', HARMLESS],
        ['storages', MALICIOUS, { type: 'Z' }],
      ]),
    finds: 'os.system',
    // It is no regular file for `extract`, which makes one all the same.
  },
  {
    name: 'tar, that ends as a zip archive',
    make: () => bytes(tar([['storages', MALICIOUS]]), torchZip(HARMLESS)),
    finds: 'os.system',
  },
  {
    name: 'tar, with signed checksums',
    make: () => tar([['storages', MALICIOUS, { signed: true }]]),
    finds: 'os.system',
  },
  {
    name: 'tar, with negative checksums',
    make: () => tar([['storages', MALICIOUS, { negative: true }]]),
    finds: 'os.system',
  },
  {
    name: 'tar, whose first name is the beginning of zlib data',
    make: () =>
      tar([
        ['x^g', new Uint8Array(0)],
        ['storages', MALICIOUS],
      ]),
    finds: 'os.system',
  },
  {
    name: 'tar, whose first name is gzip data',
    make: () =>
      tar([
        [gzipSync('hello').toString('latin1'), new Uint8Array(0)],
        ['storages', MALICIOUS],
      ]),
    finds: 'os.system',
  },
  {
    name: 'tar, an extended header whose record does not end in a line',
    make: () => {
      const hidden = tar([['storages', MALICIOUS]]).subarray(0, -1024);
      return tar([
        ['x', bytes('15 comment=abcX10 size=0\n'), { type: 'x' }],
        ['notes', hidden],
        ['tensors', HARMLESS],
      ]);
    },
    finds: 'archive',
  },
  {
    name: 'tar, an extended header of a mebibyte before it gives a length',
    make: () => {
      const hidden = tar([['storages', MALICIOUS]]).subarray(0, -1024);
      const comment = `1048590 comment=${'a'.repeat(1048590 - 17)}\n`;
      return tar([
        ['x', bytes(`${comment}10 size=0\n`), { type: 'x' }],
        ['notes', hidden],
        ['tensors', HARMLESS],
      ]);
    },
    finds: 'archive',
  },
  {
    name: 'tar, a member inside the data that a directory states',
    make: () => {
      const hidden = tar([['storages', MALICIOUS]]);
      return bytes(
        tar([['d', new Uint8Array(0), { type: '5', statedByteLength: hidden.length }]]).subarray(0, 512),
        hidden,
      );
    },
    finds: 'os.system',
  },
  {
    name: 'tar, a member inside the data of one that an extended header makes shorter',
    make: () => {
      const hidden = tar([['storages', MALICIOUS]]).subarray(0, -1024);
      return tar([
        ['x', bytes('11 size=0\n\n'), { type: 'x' }],
        ['notes', hidden],
        ['tensors', HARMLESS],
      ]);
    },
    finds: 'archive',
  },
  { name: 'gzip', file: 'model.pkl.gz', make: () => gzipSync(MALICIOUS), finds: 'os.system', loader: 'gzip' },
  {
    name: 'zlib, as joblib writes',
    file: 'model.z',
    make: () => deflateSync(MALICIOUS),
    finds: 'os.system',
    loader: 'none',
  },
  {
    name: 'gzip cut short',
    file: 'model.pkl.gz',
    make: () => gzipSync(bytes(MALICIOUS, Buffer.alloc(1 << 20))).subarray(0, -8),
    finds: 'os.system',
    loader: 'gzip',
  },
  {
    name: '7-Zip',
    file: 'model.pth',
    make: () => bytes('7z\xbc\xaf\x27\x1c', Buffer.alloc(100)),
    finds: 'unreadable',
    loader: 'none',
    verdict: 'unknown',
  },
  {
    name: 'xz',
    file: 'model.pth',
    make: () => bytes('\xfd7zXZ\0', Buffer.alloc(100)),
    finds: 'unreadable',
    loader: 'none',
    verdict: 'unknown',
  },
  {
    name: 'an array of objects',
    file: 'array.npy',
    make: () => npy(MALICIOUS),
    finds: 'os.system',
    loader: 'numpy',
  },
  {
    name: 'an archive of arrays of objects',
    file: 'arrays.npz',
    make: () => zip([{ name: 'a.npy', data: npy(MALICIOUS) }]),
    finds: 'os.system',
    loader: 'numpy',
  },
];

/** numpy's format, version 1.0: of one object. */
function npy(pickle: Uint8Array): Buffer {
  const header = `${"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".padEnd(117)}\n`;
  return bytes('\x93NUMPY\x01\x00', header.length, 0, header, pickle);
}

export const HOSTILE_CONTAINERS: readonly HostileFile[] = ROWS.map(row => ({
  file: 'model.pth',
  loader: 'torch',
  executes: row.loader !== 'none',
  verdict: 'dangerous',
  ...row,
}));
