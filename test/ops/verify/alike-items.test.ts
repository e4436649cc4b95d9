import type { FileSource } from '../../../src/io/source.js';
import { type AlikeItem, AlikeItems } from '../../../src/ops/verify/alike-items.js';
import type { ByteAccount } from '../../../src/ops/verify/byte-account.js';
import type { ChecksumCheck } from '../../../src/ops/verify/checksums.js';
import { encodeDataDescriptor, encodeDirectory, encodeLocalHeader } from '../../../src/zip/encode.js';
import { layoutArchive } from '../../../src/zip/layout.js';
import { is, suite } from '../../suite.js';

const RECORD_BYTE_LENGTH = 8192;

/** An archive of so many long records of zeros, and what is needed to have it looked at. */
function archiveOf(recordCount: number) {
  const records = Array.from({ length: recordCount }, (_, i) => ({
    name: `data/${i}`,
    byteLength: RECORD_BYTE_LENGTH,
  }));
  const layout = layoutArchive({ root: 'archive', records, alignment: 64 });
  const crcs = records.map(() => 7);
  const bytes = Buffer.alloc(layout.byteLength);
  for (const i of crcs.keys()) {
    bytes.set(encodeLocalHeader(layout, i), layout.localHeaderByteOffsets[i]!);
    bytes.set(encodeDataDescriptor(layout, i, 7), layout.dataByteOffsets[i]! + RECORD_BYTE_LENGTH);
  }
  bytes.set(encodeDirectory(layout, crcs), layout.directoryByteOffset);
  const source = {
    byteLength: bytes.length,
    readInto: (target: Uint8Array, at: number) => void bytes.copy(target, 0, at, at + target.length),
  } as unknown as FileSource;
  const item: AlikeItem = {
    path: 'p',
    relativePath: 'r',
    rank: 0,
    fqn: 'f',
    byteOffset: 0,
    byteLength: bytes.length,
  };
  return { layout, source, item };
}

const account = { add() {}, addAll() {} } as unknown as ByteAccount;

suite('items that are alike', ({ test }) => {
  test('checksums that are compared on the way are waited for, whichever record they came with', async () => {
    for (const flushing of [0, 1, 2]) {
      const { layout, source, item } = archiveOf(3);
      let calls = 0;
      let isCompared = false;
      const flush = async (): Promise<void> => {
        await new Promise(resolve => setTimeout(resolve, 5));
        isCompared = true;
      };
      const checksums = {
        isOn: true,
        compared: 0,
        addLong: () => (calls++ === flushing ? flush() : undefined),
      };
      const items = new AlikeItems(account, checksums as unknown as ChecksumCheck);
      items.learn(item.byteLength, layout);
      is(await items.accept(source, item), true);
      is(calls, 3);
      is(isCompared, true, `record ${flushing}`);
    }
  });

  test('archives of very many records are not learnt: each is looked at in full', async () => {
    for (const [recordCount, isKnown] of [
      [64, true],
      [65, false],
    ] as const) {
      const { layout, source, item } = archiveOf(recordCount);
      const checksums = { isOn: true, compared: 0, addLong: () => undefined } as unknown as ChecksumCheck;
      const items = new AlikeItems(account, checksums);
      items.learn(item.byteLength, layout);
      is(await items.accept(source, item), isKnown, `${recordCount} records`);
    }
  });
});
