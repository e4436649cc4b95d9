/** The page of `dcp inspect --html`, in a real browser, against `--json`. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HtmlData } from '../../src/ops/html-data.js';
import { pageWith, writeHtmlReport } from '../../src/ops/html-report.js';
import type { InspectReport } from '../../src/ops/inspect.js';
import { dcp } from '../cli/run-dcp.js';
import { writeTorchFile } from '../cli/torch-file.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, ok, suite } from '../suite.js';
import { CHROMIUM, closeBrowser, figuresOf, NO_CHROMIUM, openReport, textsOf } from './chromium.js';

interface Document {
  tensors: number;
  parameters: number;
  byte_length: number;
  objects: number;
  ranks: number;
  parts: { part: string; byte_length: number }[];
  dtypes: { dtype: string; byte_length: number }[];
  files: { relative_path: string; rank: number | null }[];
  entries: {
    fqn: string;
    byte_length: number;
    chunks?: { offsets: number[]; sizes: number[]; rank: number | null; relative_path: string }[];
  }[];
}

/** A report, and the document that the same run prints. */
async function reportOf(path: string, ...options: string[]): Promise<{ file: string; document: Document }> {
  const file = join(scratch(), 'report.html');
  const { code, stdout, stderr } = await dcp(['inspect', path, '--html', file, '--json', ...options]);
  is(code, 0, stderr);
  return { file, document: JSON.parse(stdout) as Document };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

if (CHROMIUM === undefined) {
  suite('the page of a report', ({ skip }) => skip('in Chromium', NO_CHROMIUM));
} else {
  suite('the page of a report', ({ each, test }) => {
    each(
      ['fsdp2_adam', 'all_dtypes.pth', 'random_states_dcp', 'small_transformer', 'thread_count_2'],
      name => `numbers of ${name} are those of --json`,
      async name => {
        const path = fixturePath(name.replace('.pth', ''));
        const { file, document } = await reportOf(path);
        const { page, requests, problems } = await openReport(file);
        const { tensors, parameters, byte_length, objects, ranks, parts, dtypes, entries, files } = document;
        const hasRanks = files.some(({ rank }) => rank !== null);
        equal(await figuresOf(page), {
          tensors,
          parameters,
          byte_length,
          objects,
          ...(hasRanks ? { ranks } : { files: files.length }),
          ...Object.fromEntries(parts.map(row => [`parts.${row.part}`, row.byte_length])),
          ...Object.fromEntries(dtypes.map(row => [`dtypes.${row.dtype}`, row.byte_length])),
          found: entries.length,
          found_byte_length: sum(entries.map(entry => entry.byte_length)),
        });
        is((await textsOf(page, '.rank')).length, hasRanks ? ranks : files.length);
        is((await textsOf(page, '.rank .files i')).length, files.length);
        equal([requests, problems], [[], []]);
        await page.close();
      },
    );

    test('search and sort', async () => {
      const { file, document } = await reportOf(fixturePath('fsdp2_adam'));
      const { page } = await openReport(file);
      const shown = (): Promise<string[]> => textsOf(page, '.all .name');
      const names = document.entries.map(({ fqn }) => fqn);
      equal((await shown()).slice(0, 10), names.slice(0, 10));
      await page.type('input', 'NET2 exp_avg');
      const found = document.entries.filter(({ fqn }) => fqn.includes('net2') && fqn.includes('exp_avg'));
      equal(
        await shown(),
        found.map(({ fqn }) => fqn),
      );
      equal(
        [(await figuresOf(page)).found, (await figuresOf(page)).found_byte_length],
        [found.length, sum(found.map(entry => entry.byte_length))],
      );
      await page.click('.head .size');
      const bySize = [...found].sort((a, b) => b.byte_length - a.byte_length);
      equal(
        await shown(),
        bySize.map(({ fqn }) => fqn),
      );
      await page.click('.head .size');
      is((await shown())[0], [...found].sort((a, b) => a.byte_length - b.byte_length)[0]!.fqn);
      await page.type('input', ' nothing');
      equal(await textsOf(page, '.nothing'), ['Nothing has such a name.']);
      await page.close();
    });

    test('an entry: its chunks, ranks and files, as --chunks has them', async () => {
      const { file, document } = await reportOf(fixturePath('fsdp2_adam'), '--chunks');
      const { page } = await openReport(file);
      await page.click('.all .row');
      const [entry] = document.entries;
      equal(await textsOf(page, '.detail h3'), [entry!.fqn]);
      const cells = (await page.evaluate(
        `[...document.querySelectorAll('.chunks tr')].slice(1).map(row => [...row.children].map(cell => cell.textContent))`,
      )) as string[][];
      equal(
        cells,
        entry!.chunks!.map(({ offsets, sizes, rank, relative_path }) => [
          `[${offsets.map((offset, d) => `${offset}:${offset + sizes[d]!}`).join(', ')}]`,
          String(rank),
          relative_path,
        ]),
      );
      is(
        (await page.$$('.files .held')).length,
        new Set(entry!.chunks!.map(chunk => chunk.relative_path)).size,
      );
      await page.focus('.rows');
      await page.keyboard.press('ArrowDown');
      equal(await textsOf(page, '.detail h3'), [document.entries[1]!.fqn]);
      await page.close();
    });

    test('an object: its value', async () => {
      const { file } = await reportOf(fixturePath('fsdp2_adam'), '--keys', '*.betas');
      const { page } = await openReport(file);
      await page.click('.all .row');
      equal(await textsOf(page, '.detail pre'), ['(0.9, 0.999)']);
      await page.close();
    });

    each(
      [
        '</script><script>window.pwned = 1</script>',
        '<!--<script>window.pwned = 1',
        '<img src=x onerror="window.pwned=1">',
        '"><b>bold</b> & \u202etxt.exe\u0007',
        '"the data of a report"',
        '__proto__.constructor',
      ],
      name => `a hostile name: ${JSON.stringify(name)}`,
      async name => {
        const path = join(scratch(), 'hostile.pth');
        writeTorchFile(path, name, 4);
        const { file, document } = await reportOf(path);
        is(document.entries[0]!.fqn, name);
        const { page, requests, problems } = await openReport(file);
        is(await page.evaluate('window.pwned'), undefined);
        const shown = name.replace('\u202e', '\\u202e').replace('\u0007', '\\x07');
        equal(await textsOf(page, '.all .name'), [shown]);
        await page.click('.all .row');
        equal(await textsOf(page, '.detail h3'), [shown]);
        is(await page.$('main img, main b b, main script'), null);
        equal([requests, problems], [[], []]);
        await page.close();
      },
    );

    each(
      [
        { width: 1280, scheme: 'light' },
        { width: 1280, scheme: 'dark' },
        { width: 400, scheme: 'light' },
        { width: 400, scheme: 'dark' },
      ] as const,
      ({ width, scheme }) => `${scheme}, ${width} pixels wide: nothing sticks out, the treemap is drawn`,
      async look => {
        const { file } = await reportOf(fixturePath('small_transformer'));
        const { page } = await openReport(file, look);
        ok(((await page.evaluate('document.documentElement.scrollWidth')) as number) <= look.width);
        const colours = (await page.evaluate(`(() => {
          const canvas = document.querySelector('#treemap canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(data.buffer)).size;
        })()`)) as number;
        ok(colours > 10, `${colours} colours`);
        const picture = await page.screenshot({ fullPage: true });
        ok(picture.length > 20_000);
        const brightness = (await page.evaluate(
          `Number.parseInt(getComputedStyle(document.body).backgroundColor.slice('rgb('.length))`,
        )) as number;
        is(brightness > 128, look.scheme === 'light');
        await page.close();
      },
    );

    test('a missing file is named', async () => {
      const copy = join(scratch(), 'run');
      cpSync(fixturePath('fsdp2_adam'), copy, { recursive: true });
      rmSync(join(copy, '__2_0.distcp'));
      const { page } = await openReport((await reportOf(copy)).file);
      equal(await textsOf(page, '.note'), ['Incomplete: 1 of 4 data files missing: __2_0.distcp.']);
      is((await page.$$('.files .missing')).length, 1);
      await page.close();
    });

    test('an empty state dict', async () => {
      const path = join(scratch(), 'empty.safetensors');
      writeFileSync(path, Buffer.from('\x02\0\0\0\0\0\0\0{}', 'latin1'));
      const { page, problems } = await openReport((await reportOf(path)).file);
      equal(await textsOf(page, '.note'), ['The checkpoint holds nothing.']);
      equal([await textsOf(page, 'h2'), problems], [[], []]);
      await page.close();
    });

    test('many element types: each colour of the legend is there once', async () => {
      const { page } = await openReport((await reportOf(fixturePath('all_dtypes_dcp'))).file);
      const legend = await textsOf(page, '.legend span');
      is(legend.length, 7);
      is(legend.at(-1), '16 other types');
      await page.close();
    });

    test('a click goes into a group, and back', async () => {
      const { file, document } = await reportOf(fixturePath('small_transformer'));
      const { page } = await openReport(file);
      const canvas = (await page.$('#treemap canvas'))!;
      await canvas.click({ offset: { x: 30, y: 60 } });
      const [, inside] = await textsOf(page, '.crumbs b, .crumbs button');
      ok(
        document.entries.some(({ fqn }) => fqn.startsWith(inside!.split('  ')[0]!)),
        inside,
      );
      await page.click('.crumbs button');
      ok((await textsOf(page, '.crumbs b'))[0]!.startsWith('all'));
      await page.close();
    });

    test('100,000 entries: only what is seen is drawn', async () => {
      const count = 100_000;
      const file = join(scratch(), 'large.html');
      writeFileSync(file, pageWith(readFileSync(PAGE, 'utf8'), await largeData(count)));
      const { page, problems } = await openReport(file);
      is((await figuresOf(page)).found, count);
      await page.evaluate(`document.querySelector('.rows').scrollTop = 1e9`);
      await page.waitForFunction(
        `[...document.querySelectorAll('.all .name')].at(-1).textContent === 'layers.${count - 1}.weight'`,
      );
      ok((await page.$$('.all .row')).length < 100);
      await page.type('input', 'layers.77777.');
      equal(await textsOf(page, '.all .name'), ['layers.77777.weight']);
      equal(problems, []);
      await page.close();
    });

    test('the browser ends', closeBrowser);
  });
}

const PAGE = fileURLToPath(new URL('../../src/ops/report-page.html', import.meta.url));

/** The data of a report with its entries repeated under numbers. */
async function largeData(count: number): Promise<HtmlData> {
  const file = join(scratch(), 'small.html');
  const { report } = await writeHtmlReport(fixturePath('small_transformer'), file);
  const { entries: _entries, ...rest }: InspectReport = report;
  const rows = Array.from({ length: count }, (_, i) => i);
  return {
    ...rest,
    dtypeNames: [['float32', 'f32']],
    shapes: [[16, 16]],
    layouts: [[[0, 0, 0, 16, 16]]],
    entries: {
      fqn: rows.map(i => `layers.${i}.weight`),
      byteLength: rows.map(() => 1024),
      part: rows.map(() => 'model'),
      dtype: rows.map(() => 0),
      shape: rows.map(() => 0),
      layout: rows.map(() => 0),
      values: [],
    },
  };
}
