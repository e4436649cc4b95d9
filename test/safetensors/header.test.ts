import { dtypeOf } from '../../src/dtype.js';
import { DcpError, type ErrorCode } from '../../src/errors.js';
import { MemorySource } from '../../src/io/source.js';
import { readSafetensorsHeader } from '../../src/safetensors/file.js';
import {
  decodeHeaderByteLength,
  encodeHeader,
  MAX_HEADER_BYTE_LENGTH,
} from '../../src/safetensors/header.js';
import { equal, is, match, ok, rejects, suite, throws } from '../suite.js';
import { bytesOf, type GoldenTensor, imageOf, images, written } from './fixture.js';

/** What the reference implementation lets pass and we do not, and why. */
const STRICTER: Readonly<Record<string, RegExp>> = {
  'a name twice': /same name.*"a"/,
  'a metadata key twice': /same name.*"a"/,
  'an unknown member': /member that is not known.*"scale"/,
  'a tensor as an array': /expected an object/,
};

/** Refused with another class of error than FormatError. */
const OTHER_CODE: Readonly<Record<string, ErrorCode>> = {
  'a header of 100000001 bytes': 'limit',
  'a header of 2^64-1 bytes': 'limit',
  'an unknown type': 'unsupported',
  'a type in small letters': 'unsupported',
  'sizes that overflow': 'limit',
  'sizes that overflow, times 0': 'limit',
  'a size of 2^64': 'limit',
};

async function contentOf(image: Uint8Array): Promise<{ metadata: unknown; tensors: GoldenTensor[] }> {
  const { metadata, tensors } = await readSafetensorsHeader(new MemorySource(image));
  return {
    metadata: metadata.size === 0 ? null : Object.fromEntries(metadata),
    tensors: tensors
      .map(({ fqn, dtype, shape, byteOffset, byteLength }) => ({
        name: fqn,
        dtype: dtype.name,
        shape: [...shape],
        hex: Buffer.from(image.subarray(byteOffset, byteOffset + byteLength)).toString('hex'),
      }))
      .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))),
  };
}

suite('safetensors/header: what safe_open of the reference says', ({ each }) => {
  each(
    images,
    row => row.name,
    async row => {
      const stricter = STRICTER[row.name];
      if (row.error === undefined && stricter === undefined) {
        equal(await contentOf(bytesOf(row)), { metadata: row.metadata, tensors: row.tensors });
        return;
      }
      const code = OTHER_CODE[row.name] ?? 'format';
      const error = await rejects(() => contentOf(bytesOf(row)), { code });
      is(error.context.path, 'memory');
      if (stricter !== undefined) match(error.message, stricter);
    },
  );
});

suite('safetensors/header: files of the reference', ({ each, test }) => {
  each(
    written,
    row => `reads ${row.name}`,
    async row => {
      const sorted = [...row.tensors].sort((a, b) =>
        Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
      );
      equal(await contentOf(bytesOf(row)), { metadata: row.metadata, tensors: sorted });
    },
  );

  each(
    written,
    row => `writes ${row.name}, to the byte`,
    row => {
      const expected = bytesOf(row);
      const { bytes, byteLength, tensors } = encodeHeader(
        row.tensors.map(({ name, dtype, shape, hex }) => ({ fqn: name, dtype: dtypeOf(dtype), shape, hex })),
        new Map(Object.entries(row.metadata ?? {})),
      );
      is(byteLength, expected.length);
      const file = Buffer.alloc(byteLength);
      file.set(bytes);
      for (const { tensor, byteOffset } of tensors) file.write(tensor.hex, byteOffset, 'hex');
      is(file.toString('hex'), Buffer.from(expected).toString('hex'));
    },
  );

  test('there is a tensor of each type that torch has', () => {
    is(written[0]!.tensors.length, 20);
  });
});

suite('safetensors/header', ({ test, each }) => {
  const uint8 = dtypeOf('uint8');

  test('an image inside a file: offsets count from the start of the file', async () => {
    const image = imageOf('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}', 'xy');
    const file = Buffer.concat([Buffer.alloc(100, 7), image, Buffer.alloc(50, 7)]);
    const { tensors } = await readSafetensorsHeader(new MemorySource(file), 100, image.length);
    is(file.toString('latin1', tensors[0]!.byteOffset, tensors[0]!.byteOffset + 2), 'xy');
  });

  test('an image whose header would reach into what follows it is refused', async () => {
    const image = imageOf('{}      ');
    const source = new MemorySource(Buffer.concat([image, Buffer.alloc(50, 0x20)]));
    await rejects(() => readSafetensorsHeader(source, 0, image.length - 1), {
      code: 'format',
      message: /past the end/,
    });
  });

  each(
    [
      [MAX_HEADER_BYTE_LENGTH, undefined],
      [MAX_HEADER_BYTE_LENGTH + 1, 'limit'],
    ] as const,
    ([length]) => `a header of ${length} bytes`,
    ([length, code]) => {
      const prefix = new Uint8Array(8);
      new DataView(prefix.buffer).setBigUint64(0, BigInt(length), true);
      const decode = (): number => decodeHeaderByteLength(prefix, 1e12);
      if (code === undefined) is(decode(), length);
      else throws(decode, { code, message: /100000001 bytes/ });
    },
  );

  test('every cut of a file is refused', async () => {
    const image = bytesOf(written[0]!);
    for (let end = 0; end < image.length; end++) {
      let error: unknown;
      await readSafetensorsHeader(new MemorySource(image.subarray(0, end))).catch(thrown => (error = thrown));
      ok(error instanceof DcpError, `cut to ${end} bytes`);
    }
  });

  test('every changed bit of a header is refused or gives tensors that tile the data', async () => {
    const image = bytesOf(written.find(row => row.name === 'a header without padding')!);
    const dataStart = image.length - 1;
    for (let bit = 0; bit < dataStart * 8; bit++) {
      const changed = image.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      try {
        const { tensors } = await readSafetensorsHeader(new MemorySource(changed));
        equal(
          tensors.map(tensor => [tensor.byteLength, tensor.dtype.itemSize]),
          [[1, 1]],
        );
      } catch (error) {
        if (!(error instanceof DcpError)) throw error;
      }
    }
  });

  each(
    ['F6_E2M3', 'F6_E3M2'],
    name => `${name}, which torch does not have, is named`,
    async name => {
      const image = imageOf(`{"a":{"dtype":"${name}","shape":[4],"data_offsets":[0,3]}}`, 'xyz');
      await rejects(() => contentOf(image), { code: 'unsupported', message: new RegExp(`${name}.*at a`) });
    },
  );

  test('4-bit floats of an odd last dimension, which torch cannot load either', async () => {
    const image = imageOf('{"a":{"dtype":"F4","shape":[2,3],"data_offsets":[0,3]}}', 'xyz');
    await rejects(() => contentOf(image), { code: 'unsupported', message: /last dimension is odd/ });
  });

  each(
    ['__metadata__', '\ud800'],
    name => `a tensor cannot be called ${JSON.stringify(name)}`,
    fqn =>
      void throws(() => encodeHeader([{ fqn, dtype: uint8, shape: [1] }], new Map()), { code: 'format' }),
  );

  test('metadata keep their order, whatever their keys', () => {
    const { bytes } = encodeHeader(
      [],
      new Map([
        ['b', '1'],
        ['1', '2'],
        ['__proto__', '3'],
      ]),
    );
    match(Buffer.from(bytes).toString(), /\{"__metadata__":\{"b":"1","1":"2","__proto__":"3"\}\}/);
  });

  each(
    [
      ['a', '\ud800'],
      ['\udc00', 'a'],
    ] as const,
    ([key]) => `metadata with half a surrogate pair, under ${JSON.stringify(key)}`,
    ([key, value]) =>
      void throws(() => encodeHeader([], new Map([[key, value]])), {
        code: 'format',
        message: /surrogate pair in its metadata.*\\ud[8c]00/,
      }),
  );

  test('a header over the limit is not written', () => {
    const name = 'x'.repeat(1_000_000);
    const tensors = Array.from({ length: 101 }, (_, i) => ({ fqn: `${name}${i}`, dtype: uint8, shape: [0] }));
    throws(() => encodeHeader(tensors, new Map()), { code: 'limit', message: /100000000 bytes at most/ });
  });
});
