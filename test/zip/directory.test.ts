import { crc32 } from '../../src/copy/crc32.js';
import { decodeArchiveDirectory } from '../../src/zip/directory.js';
import { decodeEndRecord } from '../../src/zip/end-record.js';
import { decodeDataByteOffset } from '../../src/zip/local-header.js';
import { encodeArchive } from '../../src/zip/writer.js';
import { equal, is, ok, suite, throws } from '../suite.js';
import { fixture, jsonFixture } from './fixture.js';

const decoded = (archive: Uint8Array) => decodeArchiveDirectory(archive, archive.length)!;

interface Contents {
  root: string;
  records: { name: string; crc32: number; byte_length: number; base64: string | null }[];
}

suite('decodeArchiveDirectory', ({ test, each }) => {
  each(
    Object.entries(jsonFixture('python/contents.json') as Record<string, Contents>),
    ([name]) => `sees ${name}.zip as Python does`,
    ([name, golden]) => {
      const archive = decoded(fixture(`python/${name}.zip`));
      is(archive.root, golden.root);
      equal(
        archive.records.map(({ entryName, crc32, byteLength }) => ({
          name: entryName,
          crc32,
          byte_length: byteLength,
        })),
        golden.records.map(({ name, crc32, byte_length }) => ({ name, crc32, byte_length })),
      );
    },
  );

  test('tells where a record of a PyTorch file lies', () => {
    const archive = decoded(fixture('torch-2.14.1/views_and_tied.pt'));
    const { name, entryName, method, byteLength, localHeaderByteOffset } = archive.records[1]!;
    equal(
      [archive.root, name, entryName],
      ['views_and_tied', '.format_version', 'views_and_tied/.format_version'],
    );
    equal([method, byteLength, localHeaderByteOffset, archive.hasCrc], ['stored', 1, 784, true]);
  });

  test('finds names below the root, in either case, but no others', () => {
    const archive = decoded(fixture('python/upper_case.zip'));
    is(archive.find('data.pkl')?.entryName, 'archive/DATA.PKL');
    is(archive.find('VERSION')?.entryName, 'archive/Version');
    equal([archive.find('archive/version'), archive.find('')], [undefined, undefined]);
  });

  test('takes only ASCII letters as equal in either case', () => {
    const names = ['ä', 'Ä', 'k', '\u212a']; // The last is the Kelvin sign, whose small letter is k.
    const records = names.map(name => ({ name, bytes: Uint8Array.of(1) }));
    equal(
      decoded(encodeArchive(records, { root: 'r', alignment: 64 })).records.map(record => record.name),
      names,
    );
  });

  test('skips directory entries', () => {
    const archive = decoded(fixture('python/directory_first.zip'));
    equal(
      archive.records.map(record => record.name),
      ['data.pkl', 'version'],
    );
  });

  test('says when an archive was saved without CRCs', () => {
    const archive = decoded(fixture('torch-2.13.0/no_crc.pt'));
    is(archive.hasCrc, false);
    ok(archive.records.every(record => record.crc32 === undefined));
  });

  test('gives each record its end: the next record by place, not by directory order', () => {
    const archive = decoded(fixture('python/shuffled.zip'));
    const byPlace = [...archive.records].reverse();
    byPlace.forEach((record, i) => {
      if (i > 0) is(record.localHeaderByteOffset, byPlace[i - 1]!.endByteOffset);
    });
    is(byPlace[0]!.localHeaderByteOffset, 0);
  });

  test('needs no more than the directory, wherever the tail begins', () => {
    const archive = fixture('torch-2.13.0/eleven.pt');
    const whole = decoded(archive);
    const { directoryByteOffset } = decodeEndRecord(archive, archive.length)!;
    for (let start = 0; start <= archive.length; start++) {
      const part = decodeArchiveDirectory(archive.subarray(start), archive.length);
      is(part !== undefined, start <= directoryByteOffset, `tail from byte ${start}`);
      if (part !== undefined) equal(part, whole);
    }
  });

  test('works on a part of a larger buffer', () => {
    const items = ['none.pt', 'one.pt', 'eleven.pt'].map(name => fixture(`torch-2.13.0/${name}`));
    const buffer = Buffer.concat([new Uint8Array(5), ...items]);
    let at = 5;
    for (const item of items) {
      const archive = decodeArchiveDirectory(buffer.subarray(at, at + item.length), item.length)!;
      const record = archive.find('version')!;
      const data = decodeDataByteOffset(buffer, at + record.localHeaderByteOffset, record);
      equal(buffer.toString('latin1', at + data, at + data + record.byteLength), '3\n');
      at += item.length;
    }
  });

  const refused: [file: string, code: 'format' | 'unsupported', message: RegExp][] = [
    ['two_roots', 'format', /"other\/version" is outside .*top-level directory.*"archive\/"/],
    ['root_differs_in_case', 'format', /"ARCHIVE\/version" is outside/],
    ['no_root', 'format', /"data.pkl" is not in a top-level directory/],
    ['absolute', 'format', /"\/archive\/data.pkl" is an absolute path/],
    ['dotdot', 'format', /"archive\/..\/data.pkl" has a '..' component/],
    ['dotdot_backslash', 'format', /has a '..' component/],
    ['duplicate', 'format', /two records named "archive\/data.pkl"/],
    ['differs_in_case', 'format', /"archive\/data.pkl" and "archive\/DATA.pkl" differ only in case/],
    ['bzip2', 'unsupported', /method 12 \(bzip2\).*record archive\/data.pkl/],
    ['lzma', 'unsupported', /method 14 \(lzma\)/],
    ['encrypted', 'unsupported', /encrypted.*record archive\/version/],
    ['in_front', 'format', /does not end where the end record begins/],
    ['in_front_adjusted', 'format', /bytes in front of the first record.*found the first at byte 10/],
    ['empty', 'format', /has no records/],
    ['not_utf8', 'format', /not UTF-8/],
    ['directory_with_bytes', 'format', /name of a directory.*3 bytes/],
  ];
  each(
    refused,
    ([file]) => `refuses ${file}.zip`,
    ([file, code, message]) => {
      throws(() => decoded(fixture(`python/${file}.zip`)), { code, message });
    },
  );

  test('refuses bytes that are no archive', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(22), new Uint8Array(70_000)]) {
      throws(() => decoded(bytes), { code: 'format', message: /no end record.*cut short or is not a zip/ });
    }
  });
});

/** `file` with other bytes at byte `field` of the last record that begins with `signature`. */
function patched(file: string, signature: number[], field: number, ...values: number[]): Uint8Array {
  const bytes = Buffer.from(fixture(file));
  const at = bytes.lastIndexOf(Buffer.from(signature));
  bytes.set(values, at + field);
  return bytes;
}

const ENTRY = [0x50, 0x4b, 1, 2];
const END = [0x50, 0x4b, 5, 6];
const END64 = [0x50, 0x4b, 6, 6];
const LOCATOR = [0x50, 0x4b, 6, 7];

suite('decodeArchiveDirectory, one field changed', ({ each }) => {
  const cases: [what: string, bytes: Uint8Array, code: 'format' | 'unsupported', message: RegExp][] = [
    ['two disks', patched('python/stored.zip', END, 4, 1), 'unsupported', /several disks/],
    ['an entry on another disk', patched('python/stored.zip', ENTRY, 34, 1), 'unsupported', /another disk/],
    ['one entry fewer', patched('python/stored.zip', END, 8, 4, 0, 4), 'format', /more than its entries/],
    [
      'one entry more',
      patched('python/stored.zip', END, 8, 6, 0, 6),
      'format',
      /Entry 5 reaches past the end/,
    ],
    [
      'a comment that is not there',
      patched('python/stored.zip', END, 20, 1),
      'format',
      /comment is cut short/,
    ],
    ['a stored record with two sizes', patched('python/stored.zip', ENTRY, 20, 3), 'format', /two sizes/],
    ['method 77', patched('python/stored.zip', ENTRY, 10, 77), 'unsupported', /method 77 \(unknown\)/],
    ['patch data', patched('python/stored.zip', ENTRY, 8, 32), 'unsupported', /patch data/],
    ['a signature', patched('python/stored.zip', ENTRY, 0, 0x51), 'format', /signature/],
    ['a name that goes on', patched('python/stored.zip', ENTRY, 29, 1), 'format', /past the end/],
    ['an offset behind the data', patched('python/stored.zip', ENTRY, 44, 1), 'format', /overlaps/],
    [
      'a size that reaches into the directory',
      patched('python/stored.zip', ENTRY, 20, 200, 0, 0, 0, 200),
      'format',
      /overlaps the central directory.*record archive\/version/,
    ],
    [
      'saturated sizes without a zip64 field',
      patched('python/stored.zip', ENTRY, 20, 255, 255, 255, 255, 255, 255, 255, 255),
      'format',
      /zip64 field, and has none/,
    ],
    [
      'a deflated size that no stream can reach',
      patched('python/deflated.zip', ENTRY, 26, 1),
      'format',
      /more bytes than its compressed data/,
    ],
    [
      'two counts of entries',
      patched('torch-2.13.0/none.pt', END, 10, 7),
      'format',
      /disagree on entryCount/,
    ],
    [
      'two directory offsets',
      patched('torch-2.13.0/none.pt', END, 16, 7),
      'format',
      /disagree on directoryByte/,
    ],
    [
      'a locator that points elsewhere',
      patched('torch-2.13.0/none.pt', LOCATOR, 8, 7),
      'format',
      /locator says/,
    ],
    [
      'a locator without its record',
      patched('torch-2.13.0/none.pt', END64, 3, 7),
      'format',
      /record is missing/,
    ],
    [
      'two disks in the locator',
      patched('torch-2.13.0/none.pt', LOCATOR, 16, 2),
      'unsupported',
      /several disks/,
    ],
  ];
  each(
    cases,
    ([what]) => `refuses ${what}`,
    ([, bytes, code, message]) => {
      throws(() => decoded(bytes), { code, message });
    },
  );
});

suite('decodeEndRecord', ({ test }) => {
  const archive = fixture('torch-2.13.0/none.pt');

  test('takes the longest comment, and trailing bytes as far as a comment could reach', () => {
    const plain = fixture('python/stored.zip');
    const expected = decodeEndRecord(plain, plain.length);
    const longComment = Buffer.concat([plain, new Uint8Array(65535)]);
    longComment.writeUInt16LE(65535, plain.length - 2);
    equal(decodeEndRecord(longComment, longComment.length), expected);
    const trailing = Buffer.concat([plain, new Uint8Array(65535)]);
    equal(decodeEndRecord(trailing, trailing.length), expected);
    const tooLong = Buffer.concat([plain, new Uint8Array(65536)]);
    throws(() => decodeEndRecord(tooLong, tooLong.length), { code: 'format', message: /no end record/ });
  });

  test('takes the last signature, as PyTorch does: a second one hides the archive', () => {
    const hidden = Buffer.concat([archive, archive.subarray(-22)]);
    throws(() => decodeEndRecord(hidden, hidden.length), { code: 'format', message: /does not end where/ });
  });

  test('believes zip64 numbers where the plain ones are saturated', () => {
    const saturated = Buffer.from(archive);
    saturated.fill(0xff, archive.length - 14, archive.length - 2);
    equal(decodeEndRecord(saturated, saturated.length), decodeEndRecord(archive, archive.length));
  });

  test('refuses a zip64 field that is too short', () => {
    const [golden] = jsonFixture('torch-2.13.0/zip64.json') as {
      byte_length: number;
      directory_and_end: string;
    }[];
    const tail = Buffer.from(golden!.directory_and_end, 'hex');
    tail[tail.lastIndexOf(Buffer.from([1, 0, 8, 0])) + 2] = 7;
    throws(() => decodeArchiveDirectory(tail, golden!.byte_length), {
      code: 'format',
      message: /zip64 field of the record is too short.*record big\/.data\/serialization_id/,
    });
  });

  test('reads the zip64 field of records beyond 4 GiB', () => {
    interface Golden {
      byte_length: number;
      records: {
        byte_length: number;
        local_header_byte_offset: number;
        data_byte_offset: number;
        local_header: string;
      }[];
      directory_and_end: string;
    }
    for (const golden of jsonFixture('torch-2.13.0/zip64.json') as Golden[]) {
      const tail = Buffer.from(golden.directory_and_end, 'hex');
      const { records } = decodeArchiveDirectory(tail, golden.byte_length)!;
      golden.records.forEach((expected, i) => {
        const record = records[i]!;
        is(record.byteLength, expected.byte_length);
        is(record.compressedByteLength, expected.byte_length);
        is(record.localHeaderByteOffset, expected.local_header_byte_offset);
        const header = Buffer.from(expected.local_header, 'hex');
        is(decodeDataByteOffset(header, 0, record), expected.data_byte_offset);
      });
    }
  });
});

suite('decodeDataByteOffset', ({ each }) => {
  const bytes = fixture('torch-2.13.0/none.pt');
  const record = decoded(bytes).find('data.pkl')!;
  const changed = (at: number, value: number): Uint8Array => bytes.with(at, value);
  const cases: [what: string, bytes: Uint8Array, message: RegExp][] = [
    [
      'a header that is cut short',
      bytes.subarray(0, 42),
      /cut short.*expected 43 bytes at least, found 42 bytes/,
    ],
    ['another signature', changed(0, 0x51), /does not begin with a local header/],
    ['another name', changed(30, 0x4f), /another name/],
    ['a shorter name', changed(26, 5), /another name/],
    [
      'another method',
      changed(8, 8),
      /method differs.*expected method 0, found method 8.*record none\/data.pkl/,
    ],
    ['extra fields that push the data too far', changed(29, 1), /reach into what follows/],
  ];
  each(
    cases,
    ([what]) => `refuses ${what}`,
    ([, damaged, message]) => {
      throws(() => decodeDataByteOffset(damaged, 0, record), { code: 'format', message });
    },
  );
});

suite('decodeArchiveDirectory, many records', ({ test }) => {
  test('keeps every name and checksum of 20,000', () => {
    const records = Array.from({ length: 20_000 }, (_, i) => ({
      name: `data/${i}`,
      bytes: Uint8Array.of(i, i >> 8),
    }));
    const archive = decoded(encodeArchive(records, { root: 'model', alignment: 64 }));
    is(archive.records.length, 20_000);
    for (const { name, bytes } of records) is(archive.find(name)?.crc32, crc32(bytes));
  });
});
