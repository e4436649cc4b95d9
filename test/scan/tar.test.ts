/** Tar archives as `tarfile` of Python 3.11 reads them. The numbers in the tables are what its `nti` gives. */
import { MemorySource } from '../../src/io/source.js';
import type { ScanOptions, ScanTools } from '../../src/scan/archives.js';
import { ScanCollector } from '../../src/scan/collector.js';
import type { Region } from '../../src/scan/region.js';
import { isTarHeader, scanTar } from '../../src/scan/tar.js';
import { bytes, type TarTrick, tar } from '../hostile/assembler.js';
import { equal, is, ok, rejects, suite } from '../suite.js';

type Member = readonly [name: string, data: Uint8Array, trick?: TarTrick];

/** What is handed on of an archive, and what is found. */
async function scanned(archive: Uint8Array, signal?: AbortSignal) {
  const collector = new ScanCollector(() => false);
  const handed: [item: string, text: string, isPickle: boolean][] = [];
  const tools: ScanTools = {
    collector,
    signal,
    async scan({ source, items }: Region, { isPickle = false }: ScanOptions = {}) {
      const content = new Uint8Array(source.byteLength);
      await source.readInto(content, 0);
      handed.push([items.join(' > '), Buffer.from(content).toString('latin1'), isPickle]);
    },
  };
  const source = new MemorySource(archive);
  await scanTar({ source, relativePath: 'a.tar', items: [], byteOffset: 0, depth: 0 }, tools);
  return { handed, faults: collector.findings.map(({ message }) => message) };
}

const text = (content: string): Uint8Array => Buffer.from(content, 'latin1');
const EMPTY = new Uint8Array(0);

/** A header of one file, with other bytes in place of a field, and the checksum of these. */
function headerWith(at: number, field: Uint8Array): Uint8Array {
  const header = tar([['a', EMPTY]]).subarray(0, 512);
  header.set(field, at);
  if (at !== 148) {
    header.fill(0x20, 148, 156);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  }
  return header;
}

/** The checksum of `headerWith(148, …)`, whatever stands there: blanks count for it. */
const CHECKSUM = Number.parseInt(tar([['a', EMPTY]]).toString('latin1', 148, 154), 8);
const octal = CHECKSUM.toString(8);

suite('tar archives', ({ each, test }) => {
  each(
    [
      [`${octal}\0 `, true],
      [`0${octal}  `, true],
      [`  ${octal}\0`, true],
      [`0o${octal}\0`, true],
      [`+${octal}\0`, true],
      [`\x1c${octal}\0`, true],
      [`${octal}\0zz`.slice(0, 8), true],
      [`-${octal}\0`, false],
      [`_${octal}\0`, false],
      [`0x${octal}\0`, false],
      [`\xc3${octal}\0`, false],
      [`${(CHECKSUM + 1).toString(8)}\0`, false],
      ['\0', false],
    ] as [string, boolean][],
    ([field, isHeader]) => `checksum ${JSON.stringify(field)}: ${isHeader ? 'a header' : 'none'}`,
    ([field, isHeader]) => is(isTarHeader(headerWith(148, text(field.padEnd(8, '\0')))), isHeader),
  );

  test('a checksum in base 256', () => {
    is(isTarHeader(headerWith(148, bytes(0x80, 0, 0, 0, 0, 0, CHECKSUM >> 8, CHECKSUM & 0xff))), true);
    is(isTarHeader(headerWith(148, bytes(0x81, 0, 0, 0, 0, 0, CHECKSUM >> 8, CHECKSUM & 0xff))), false);
  });

  test('a negative checksum, in text and in base 256', () => {
    const header = tar([['a', EMPTY, { negative: true }]]).subarray(0, 512);
    is(isTarHeader(header), true);
    const sum = Number.parseInt(header.toString('latin1', 148, 154), 8);
    ok(sum < 0);
    const field = Buffer.alloc(8, 0xff);
    field.writeInt32BE(sum, 4);
    field.copy(header, 148);
    is(isTarHeader(header), true);
    field[4] = 0;
    field.copy(header, 148);
    is(isTarHeader(header), false);
  });

  test('many extended headers take as long as they are, and a signal ends it', async () => {
    const headers = Array.from({ length: 20_000 }, () => ['x', text('9 a=bcd\n'), { type: 'x' }] as const);
    const archive = tar([...headers, ['storages', text('one')]]);
    equal((await scanned(archive)).handed, [['storages', 'one', true]]);
    await rejects(() => scanned(archive, AbortSignal.abort()), { code: 'interrupted' });
  });

  test('bytes that count as negative, as some old programs had it', () => {
    is(isTarHeader(tar([['a', EMPTY, { signed: true }]]).subarray(0, 512)), true);
  });

  test('an empty name is one; zeros, and less than a block, are no header', () => {
    is(isTarHeader(tar([['', EMPTY]]).subarray(0, 512)), true);
    is(isTarHeader(new Uint8Array(512)), false);
    is(isTarHeader(tar([['a', EMPTY]]).subarray(0, 511)), false);
  });

  const rows: readonly (readonly [
    what: string,
    members: readonly Member[],
    handed: [string, string, boolean][],
  ])[] = [
    [
      'files, and which of them torch unpickles',
      [
        ['notes', text('one')],
        ['storages', text('x'.repeat(512))],
        ['empty', EMPTY],
        ['./pickle', text('two')],
        ['a.pkl', text('three')],
      ],
      [
        ['notes', 'one', false],
        ['storages', 'x'.repeat(512), true],
        ['./pickle', 'two', true],
        ['a.pkl', 'three', true],
      ],
    ],
    [
      'types that count as files: contiguous, of before POSIX, unknown',
      [
        ['a', text('7'), { type: '7' }],
        ['b', text('0'), { type: '\0' }],
        ['c', text('Z'), { type: 'Z' }],
      ],
      [
        ['a', '7', false],
        ['b', '0', false],
        ['c', 'Z', false],
      ],
    ],
    [
      'a long name by GNU, and by POSIX, is that of the next',
      [
        ['././@LongLink', text('deep/down/a.pkl\0'), { type: 'L' }],
        ['cut', text('one')],
        ['x', text('15 path=a.pkl\n'), { type: 'x' }],
        ['cut', text('two')],
        ['plain', text('three')],
      ],
      [
        ['cut', 'one', true],
        ['cut', 'two', true],
        ['plain', 'three', false],
      ],
    ],
  ];
  each(
    rows,
    ([what]) => what,
    async ([, members, handed]) => equal(await scanned(tar(members)), { handed, faults: [] }),
  );

  each(
    ['1', '2', '3', '4', '5', '6'],
    type => `behind a member of type ${type} the next header follows, whatever length it states`,
    async type => {
      const hidden = tar([['storages', text('hidden')]]);
      const link = tar([['link', EMPTY, { type, statedByteLength: hidden.length }]]).subarray(0, 512);
      const { handed, faults } = await scanned(bytes(link, hidden));
      equal(handed, [['storages', 'hidden', true]]);
      equal(faults, ['A member of the tar archive that has no data states a length: readers differ']);
    },
  );

  const findings: readonly (readonly [what: string, archive: () => Uint8Array, fault: RegExp])[] = [
    ['a sparse member', () => tar([['a', text('x'), { type: 'S' }]]), /sparse/],
    [
      'a length in an extended header',
      () =>
        tar([
          ['x', text('10 size=0\n'), { type: 'x' }],
          ['a', text('x')],
        ]),
      /another length/,
    ],
    [
      'something else behind a member',
      () => bytes(tar([['a', text('x')]]).subarray(0, 1024), 'x'.repeat(512)),
      /no member/,
    ],
    ['a length that is no number', () => headerWith(124, text('12345678\0')), /no member/],
  ];
  each(
    findings,
    ([what]) => `a finding: ${what}`,
    async ([, archive, fault]) => {
      const { faults } = await scanned(archive());
      equal(
        faults.map(message => fault.test(message)),
        [true],
      );
    },
  );

  test('a member that is cut short is scanned as far as it goes', async () => {
    const archive = tar([['storages', text('x'.repeat(100))]]).subarray(0, 512 + 40);
    equal((await scanned(archive)).handed, [['storages', 'x'.repeat(40), true]]);
  });

  test('two blocks of zeros end it: what lies behind is no member', async () => {
    const archive = bytes(tar([['a', text('x')]]), tar([['b', text('y')]]));
    equal((await scanned(archive)).handed, [['a', 'x', false]]);
  });
});
