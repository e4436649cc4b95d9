import { deflateSync, unzipSync } from 'fflate';
import { crc32 } from '../../src/copy/crc32.js';
import { MemorySource, SliceSource } from '../../src/io/source.js';
import { locateRecord, readArchive, readRecord, streamRecord } from '../../src/zip/reader.js';
import { encodeArchive } from '../../src/zip/writer.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import { CountingSource, contentOf, fixture, jsonFixture, torchArchives } from './fixture.js';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

interface Contents {
  root: string;
  records: { name: string; crc32: number; base64: string | null }[];
}

suite('readRecord', ({ test, each }) => {
  each(
    Object.entries(jsonFixture('python/contents.json') as Record<string, Contents>),
    ([name]) => `reads ${name}.zip as Python does`,
    async ([name, golden]) => {
      const source = new MemorySource(fixture(`python/${name}.zip`));
      const archive = await readArchive(source);
      for (const { name: entryName, base64: expected, crc32: crc } of golden.records) {
        const record = archive.records.find(candidate => candidate.entryName === entryName)!;
        const bytes = await readRecord(source, record, { maxByteLength: 1e6 });
        is(crc32(bytes), crc);
        if (expected !== null) is(base64(bytes), expected);
      }
    },
  );

  each(
    torchArchives,
    name => `reads ${name} as fflate does`,
    async name => {
      const bytes = fixture(name);
      const { root, records } = await contentOf(new MemorySource(bytes));
      equal(
        records.map(([record, data]) => [`${root}/${record}`, data]),
        Object.entries(unzipSync(bytes)).map(([record, data]) => [record, base64(data)]),
      );
    },
  );

  test('finds a flipped bit that PyTorch would load', async () => {
    const bytes = fixture('torch-2.14.1/views_and_tied.pt');
    const source = new MemorySource(bytes, 'model.pt');
    const record = (await readArchive(source)).find('data/0')!;
    bytes[await locateRecord(source, record)]! ^= 1;
    const error = await rejects(() => readRecord(source, record, { maxByteLength: 1e6 }), {
      code: 'corrupt',
      message: /do not match their CRC-32 \(expected 0x.{8}, found 0x.{8}\) \[in model.pt, record views_and/,
    });
    equal(error.context, { path: 'model.pt', entry: 'views_and_tied/data/0' });
  });

  test('checks no CRC where the archive has none', async () => {
    const bytes = fixture('torch-2.13.0/no_crc.pt');
    const source = new MemorySource(bytes);
    const record = (await readArchive(source)).find('data/3')!;
    bytes[await locateRecord(source, record)]! ^= 1;
    is((await readRecord(source, record, { maxByteLength: 10 })).length, 3);
  });

  test('refuses more than it may read, before it reads', async () => {
    const source = new CountingSource(fixture('python/deflated.zip'));
    const record = (await readArchive(source)).find('data/0')!;
    await rejects(() => readRecord(source, record, { maxByteLength: 8000 }), {
      code: 'limit',
      message: /8000 bytes at most, found 8890 bytes/,
    });
    is(source.readCount, 1);
  });

  test('reads an archive inside a file', async () => {
    const item = fixture('torch-2.13.0/one.pt');
    const file = new MemorySource(Buffer.concat([new Uint8Array(100), item, new Uint8Array(100)]));
    equal(await contentOf(new SliceSource(file, 100, item.length)), await contentOf(new MemorySource(item)));
  });
});

suite('readArchive', ({ test }) => {
  const archiveOf = (count: number): Uint8Array =>
    encodeArchive(
      Array.from({ length: count }, (_, i) => ({ name: `data/${i}`, bytes: Uint8Array.of(1) })),
      { root: 'archive', alignment: 64 },
    );

  test('takes one read where the tail holds the directory', async () => {
    const source = new CountingSource(archiveOf(900));
    is((await readArchive(source)).records.length, 900);
    is(source.readCount, 1);
    ok(source.readByteLength < 66_000);
  });

  test('takes two reads where it does not', async () => {
    const source = new CountingSource(archiveOf(5000));
    is((await readArchive(source)).records.length, 5000);
    is(source.readCount, 2);
    ok(source.readByteLength < source.byteLength / 2);
  });

  test('locates a record by its local header alone', async () => {
    const source = new CountingSource(archiveOf(3));
    const { records } = await readArchive(source);
    source.readByteLength = 0;
    is((await locateRecord(source, records[0]!)) % 64, 0);
    is(source.readByteLength, 30 + 'archive/data/0'.length);
  });

  test('passes on the failure of any read', async () => {
    const archive = Buffer.concat([archiveOf(2000)]);
    for (let failAt = 1; failAt <= 4; failAt++) {
      const source = new CountingSource(archive, failAt);
      const action = async (): Promise<void> => {
        const { records } = await readArchive(source);
        await readRecord(source, records[0]!, { maxByteLength: 1 });
      };
      await rejects(action, { code: 'file', message: /The disk is gone/ });
    }
  });

  test('refuses a central directory that no memory could hold', async () => {
    // A sparse archive of 1 GiB of directory, of which only the end record is ever looked at.
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(1, 8);
    end.writeUInt16LE(1, 10);
    end.writeUInt32LE(2 ** 30, 12);
    const source = {
      name: 'sparse.zip',
      byteLength: 2 ** 30 + 22,
      readInto: (target: Uint8Array) => target.set(end, target.length - 22),
      close: () => {},
    };
    await rejects(() => readArchive(source), {
      code: 'limit',
      message: /directory.*too large.*in sparse.zip/,
    });
  });
});

/** A deflated archive of one record, `big/data`: the stored archive of `deflated` with other fields. */
function deflatedArchive(
  data: Uint8Array,
  deflated = deflateSync(data),
  byteLength = data.length,
): Uint8Array {
  const archive = Buffer.from(
    encodeArchive([{ name: 'data', bytes: deflated }], { root: 'big', alignment: 1 }),
  );
  const entry = archive.lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
  archive.writeUInt16LE(8, 8);
  archive.writeUInt16LE(8, entry + 10);
  archive.writeUInt32LE(crc32(data), entry + 16);
  archive.writeUInt32LE(byteLength, entry + 24);
  return archive;
}

suite('streamRecord', ({ test, each }) => {
  const data = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * i) >>> 8);

  test('hands out a deflated record in order, in pieces that stay valid', async () => {
    const source = new MemorySource(deflatedArchive(data));
    const pieces: Uint8Array[] = [];
    await streamRecord(source, (await readArchive(source)).find('data')!, piece => {
      pieces.push(piece);
    });
    ok(pieces.length > 10);
    ok(Buffer.concat(pieces).equals(data));
  });

  test('hands out a stored record as it is', async () => {
    const source = new MemorySource(
      encodeArchive([{ name: 'data', bytes: data }], { root: 'big', alignment: 64 }),
    );
    let crc = 0;
    await streamRecord(source, (await readArchive(source)).find('data')!, async piece => {
      await Promise.resolve();
      crc = crc32(piece, crc);
    });
    is(crc, crc32(data));
  });

  const damaged: [what: string, archive: Uint8Array, message: RegExp][] = [
    [
      'a stream that is cut short',
      deflatedArchive(data, deflateSync(data).subarray(0, -100)),
      /data are damaged.*end of file/,
    ],
    [
      'a stream that goes on',
      deflatedArchive(data, deflateSync(data), 4_000_000),
      /expected 4000000 bytes, found .* more/,
    ],
    ['a stream that is none', deflatedArchive(data, new Uint8Array(6000).fill(0xff)), /data are damaged/],
    ['bytes of another CRC', deflatedArchive(data, deflateSync(data.toReversed())), /CRC-32/],
  ];
  each(
    damaged,
    ([what]) => `finds ${what}`,
    async ([, archive, message]) => {
      const source = new MemorySource(archive, 'model.pt');
      const record = (await readArchive(source)).find('data')!;
      let total = 0;
      await rejects(() => streamRecord(source, record, bytes => void (total += bytes.length)), {
        code: 'corrupt',
        message,
      });
      ok(total <= record.byteLength);
      await rejects(() => readRecord(source, record, { maxByteLength: 1e7 }), {
        code: 'corrupt',
        message: /in model.pt, record big\/data/,
      });
    },
  );

  test('leaves the error of the consumer alone', async () => {
    const source = new MemorySource(deflatedArchive(data));
    const record = (await readArchive(source)).find('data')!;
    const error = new Error('no space');
    let caught: unknown;
    await streamRecord(source, record, () => Promise.reject(error)).catch((reason: unknown) => {
      caught = reason;
    });
    is(caught, error);
  });
});
