/** docs/hex-dump.md as it stands, read back: against the bytes of the fixtures, and against what our readers say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectCheckpoint, load, openCheckpoint } from '../../src/index.js';
import { MemorySource } from '../../src/io/source.js';
import { locateRecord, readArchive } from '../../src/zip/reader.js';
import { readDocument, repository } from '../documents.js';
import { equal, is, ok, suite } from '../suite.js';
import { dumpText, SHOWN_BYTES } from './dump.js';

interface Line {
  at: number;
  hex: string;
  text: string;
}

const PTH = 'fixtures/torch-2.13.0/smallest.pth';
const DCP = 'fixtures/torch-2.13.0/smallest_dcp';
const INDEX = `${DCP}/.metadata`;
const DATA = `${DCP}/__0_0.distcp`;
const page = readDocument('docs/hex-dump.md');

/** Lines of all dumps of a file, in the order of the page, notes and all. */
function linesOf(document: string, path: string): Line[] {
  return [...document.matchAll(/^<!-- dump: (\S+) .*-->\n\n```text dump\n([\s\S]*?)^```$/gm)]
    .filter(([, name]) => name === path)
    .flatMap(([, , lines]) => lines!.trimEnd().split('\n'))
    .map(line => {
      const [, at, hex, text] = /^ *(\d+) {2}((?:[0-9a-f]{2} )*[0-9a-f]{2}(?: …)?) +(.*)$/.exec(line)!;
      return { at: Number(at), hex: hex!, text: text! };
    });
}

/** Where the lines and the bytes are not the same; nothing where they are, to the last byte. */
function mistakesOf(lines: readonly Line[], bytes: Buffer): string[] {
  const mistakes = lines[0]?.at === 0 ? [] : ['it does not begin at 0'];
  for (const [i, { at, hex }] of lines.entries()) {
    const end = lines[i + 1]?.at ?? bytes.length;
    const shown = hex.replace(/ …$/, '').split(' ');
    const isCut = hex.endsWith('…');
    if (shown.length !== (isCut ? SHOWN_BYTES : end - at))
      mistakes.push(`${at}: ${shown.length} bytes, then ${end}`);
    if (isCut && end - at <= SHOWN_BYTES) mistakes.push(`${at}: nothing is left out`);
    const real = bytes.subarray(at, at + shown.length).toString('hex');
    if (shown.join('') !== real) mistakes.push(`${at}: ${shown.join('')}, not ${real}`);
  }
  return mistakes;
}

function bytesOf(path: string): Buffer {
  return readFileSync(join(repository, path));
}

/** The line that begins at a position. */
function lineAt(lines: readonly Line[], at: number): string {
  return lines.find(line => line.at === at)?.text ?? '';
}

suite('hex-dump.md', ({ each, test }) => {
  each(
    [PTH, INDEX, DATA],
    path => `${path}: every byte`,
    path => equal(mistakesOf(linesOf(page, path), bytesOf(path)), []),
  );

  each<readonly [what: string, change: (page: string) => string]>(
    [
      ['a byte', text => text.replace('80 04   ', '80 05   ')],
      ['a position', text => text.replace('   11  8c', '   12  8c')],
      ['a row that is missing', text => text.replace(/^ {3}69 {2}28.*MARK\n/m, '')],
    ],
    ([what]) => `${what}: a mistake is found`,
    ([, change]) => {
      const changed = change(page.slice(page.indexOf(`<!-- dump: ${INDEX}`)));
      ok(mistakesOf(linesOf(changed, INDEX), bytesOf(INDEX)).length > 0);
    },
  );

  test('a note where no row begins, and a part that cuts a row, are errors', () => {
    let message = '';
    try {
      dumpText(`${PTH} 1-281`);
    } catch (error) {
      message = (error as Error).message;
    }
    is(message, `no row begins or ends there: ${PTH} 1-281`);
  });
});

suite('hex-dump.md: what our readers say', ({ each, test }) => {
  each<readonly [what: string, path: string, start: number, end: number]>(
    [
      ['the torch.save file', PTH, 0, 1648],
      ['the item of step', DATA, 0, 1261],
      ['the item of model.weight', DATA, 1261, 2838],
    ],
    ([what]) => `records of ${what}`,
    async ([, path, start, end]) => {
      const lines = linesOf(page, path);
      const source = new MemorySource(bytesOf(path).subarray(start, end));
      const { records } = await readArchive(source);
      ok(records.length >= 6);
      for (const record of records) {
        const payloadAt = start + (await locateRecord(source, record));
        ok(lineAt(lines, start + record.localHeaderByteOffset).startsWith('local header'), record.name);
        ok(lineAt(lines, start + record.entryByteOffset).startsWith('directory entry'), record.name);
        ok(lineAt(lines, payloadAt) !== '', record.name);
        const behind = lines.findIndex(({ at }) => at === payloadAt + record.byteLength);
        const descriptor = lines
          .slice(behind, behind + 3)
          .map(({ text }) => text)
          .join(' ');
        ok(descriptor.startsWith('data descriptor'), record.name);
        ok(descriptor.includes(`CRC-32 0x${record.crc32!.toString(16).padStart(8, '0')}`), descriptor);
        ok(descriptor.includes(`size ${record.byteLength}`), descriptor);
      }
    },
  );

  test('where chunks and objects lie', async () => {
    const { entries } = await inspectCheckpoint(join(repository, DCP), { chunks: true });
    const [tensor, object] = entries;
    is(tensor!.fqn, 'model.weight');
    ok('chunks' in tensor! && 'value' in object!);
    equal(
      tensor.chunks!.map(({ offset, length }) => [offset, length]),
      [[1261, 1577]],
    );
    is(lineAt(linesOf(page, DATA), 1261).split('# ')[1], "the item of 'model.weight'");
    is(lineAt(linesOf(page, INDEX), 739).split(' ')[0], 'BININT2');
    ok(lineAt(linesOf(page, INDEX), 739).includes(' 1261 '));
    ok(lineAt(linesOf(page, INDEX), 744).includes(' 1577 '));
    is(object.byteLength, 1261);
    is(object.value, '7');
  });

  each(
    [PTH, DCP],
    path => `the elements in ${path}`,
    async path => {
      const checkpoint = await openCheckpoint(join(repository, path));
      try {
        const { data, shape } = await load(checkpoint, 'model.weight');
        equal(shape, [2, 3]);
        const lines = linesOf(page, path === PTH ? PTH : DATA).filter(({ text }) =>
          text.startsWith('float32 '),
        );
        const told = lines.flatMap(({ text }) =>
          text.split('#')[0]!.slice('float32 '.length).split(',').map(Number),
        );
        equal(told, [...(data as Float32Array)]);
        equal(told, [1, 2, 3, 4, 5, 6]);
      } finally {
        checkpoint.close();
      }
    },
  );
});
