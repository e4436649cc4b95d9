import { decodeLatin1 } from '../../src/bytes.js';
import { isGzip, isLegacyTorch, isTar, isTorchTar, isZip } from '../../src/torch/magic.js';
import { bytesOf } from '../pickle/corpus.js';
import { equal, suite } from '../suite.js';

const MAGIC = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const tar = (member: string): Uint8Array =>
  bytesOf(member, ...new Array(257 - member.length).fill(0), 'ustar\x0000');

suite('what the first bytes tell', ({ each }) => {
  const rows: [what: string, head: Uint8Array, kinds: string[]][] = [
    ['nothing', bytesOf(), []],
    ['a zip archive', bytesOf('PK', 3, 4), ['zip']],
    ['an empty zip archive', bytesOf('PK', 5, 6), []],
    ['gzip', bytesOf(0x1f, 0x8b, 8), ['gzip']],
    ['torch’s number, protocol 2', bytesOf(0x80, 2, 0x8a, 10, ...MAGIC, '.'), ['legacy']],
    ['protocol 0 and 1', bytesOf('L119547037146038801333356L\n.I1001\n.'), ['legacy']],
    ['protocol 4', bytesOf(0x80, 4, 0x95, 13, 0, 0, 0, 0, 0, 0, 0, 0x8a, 10, ...MAGIC, '.'), ['legacy']],
    ['another number', bytesOf(0x80, 2, 0x8a, 10, ...MAGIC.map(byte => byte ^ 1), '.'), []],
    ['another pickle', bytesOf(0x80, 2, '}.'), []],
    ['half a pickle', bytesOf(0x80, 2, 0x8a, 10, ...MAGIC), []],
    ['text that begins with L', bytesOf('Lorem ipsum'), []],
    ['a tar archive of torch', tar('storages'), ['tar', 'torch tar']],
    ['the same, with a directory', tar('./pickle'), ['tar', 'torch tar']],
    ['another tar archive', tar('pickles'), ['tar']],
  ];
  each(
    rows,
    ([what]) => what,
    ([, head, kinds]) => {
      const tests = { zip: isZip, gzip: isGzip, legacy: isLegacyTorch, tar: isTar, 'torch tar': isTorchTar };
      equal(
        Object.entries(tests).flatMap(([kind, test]) => (test(head) ? [kind] : [])),
        kinds,
        decodeLatin1(head),
      );
    },
  );
});
