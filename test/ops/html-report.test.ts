import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HtmlData } from '../../src/ops/html-data.js';
import { writeHtmlReport } from '../../src/ops/html-report.js';
import { inspectCheckpoint } from '../../src/ops/inspect.js';
import { writeTorchFile } from '../cli/torch-file.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, rejects, suite } from '../suite.js';

const DATA = /<script type="application\/json" id="data">(.*)<\/script>\n<script>/s;
const dataOf = (page: string): HtmlData => JSON.parse(DATA.exec(page)![1]!) as HtmlData;

suite('report pages', ({ each, test }) => {
  test('the data are those of the report', async () => {
    const path = fixturePath('fsdp2_adam');
    const file = join(scratch(), 'report.html');
    const { byteLength, leftBehind } = await writeHtmlReport(path, file);
    const page = readFileSync(file, 'utf8');
    equal([byteLength, leftBehind], [Buffer.byteLength(page), []]);
    const report = await inspectCheckpoint(path, { chunks: true });
    const { entries, dtypeNames, shapes, layouts, ...rest } = dataOf(page);
    const { entries: expected, ...others } = report;
    equal(rest, others);
    equal(
      entries.fqn.map((fqn, row) => ({
        fqn,
        byteLength: entries.byteLength[row],
        dtype: dtypeNames[entries.dtype[row]!]?.[0],
        size: shapes[entries.shape[row]!],
        value: entries.values.find(([of]) => of === row)?.[1],
        chunks: layouts[entries.layout[row]!]?.map(([file_, ...box]) => [
          rest.files[file_!]!.relativePath,
          ...box,
        ]),
      })),
      expected.map(({ fqn, byteLength: length, dtype, size, value, chunks }) => ({
        fqn,
        byteLength: length,
        dtype,
        size,
        value,
        chunks: chunks?.map(({ relativePath, offsets, sizes }) => [relativePath, ...offsets, ...sizes]),
      })),
    );
  });

  test('tensors that lie alike share a layout', async () => {
    const file = join(scratch(), 'report.html');
    await writeHtmlReport(fixturePath('fsdp2_adam'), file);
    const { entries, layouts } = dataOf(readFileSync(file, 'utf8'));
    const of = (end: string): number => entries.layout[entries.fqn.findIndex(fqn => fqn.endsWith(end))]!;
    is(of('net1.weight.exp_avg'), of('net1.weight.exp_avg_sq'));
    ok(layouts.length < entries.fqn.length / 2);
  });

  test('it needs nothing else, and only its own script may run', async () => {
    const file = join(scratch(), 'report.html');
    await writeHtmlReport(fixturePath('small_transformer'), file);
    const page = readFileSync(file, 'utf8');
    match(page, /content="default-src 'none'; script-src 'sha256-[^' ]+'; style-src 'sha256-[^' ]+'"/);
    ok(!/<(link|img|iframe)|src=|https?:\/\/(?!www\.w3\.org)/i.test(page.replace(DATA, '')));
  });

  test('equal checkpoints give equal pages', async () => {
    const [a, b] = [join(scratch(), 'a.html'), join(scratch(), 'b.html')];
    for (const file of [a, b]) await writeHtmlReport(fixturePath('fsdp2_adam'), file);
    ok(readFileSync(a).equals(readFileSync(b)));
  });

  each(
    ['</script><script>alert(1)</script>', '<!--<script>', '\u2028\u2029', '$&$1'],
    name => `the name ${JSON.stringify(name)} stays data`,
    async name => {
      const directory = scratch();
      writeTorchFile(join(directory, 'hostile.pth'), name, 1);
      await writeHtmlReport(join(directory, 'hostile.pth'), join(directory, 'report.html'));
      const page = readFileSync(join(directory, 'report.html'), 'utf8');
      is(page.match(/<\/?script/g)!.length, 4);
      equal(dataOf(page).entries.fqn, [name]);
    },
  );

  test('a file that exists is replaced only with force', async () => {
    const directory = scratch();
    const file = join(directory, 'report.html');
    writeFileSync(file, 'mine');
    await rejects(() => writeHtmlReport(fixturePath('tied'), file), { code: 'usage', message: /exists/ });
    is(readFileSync(file, 'utf8'), 'mine');
    await writeHtmlReport(fixturePath('tied'), file, { force: true });
    ok(readFileSync(file, 'utf8').startsWith('<!doctype html>'));
    equal(readdirSync(directory), ['report.html']);
  });

  test('what fails leaves nothing', async () => {
    const directory = scratch();
    mkdirSync(join(directory, 'sub'));
    await rejects(() => writeHtmlReport(join(directory, 'none'), join(directory, 'report.html')), {
      code: 'file',
    });
    await rejects(() => writeHtmlReport(fixturePath('tied'), join(directory, 'no/report.html')), {
      code: 'usage',
    });
    await rejects(() => writeHtmlReport(fixturePath('tied'), join(directory, 'sub')), { code: 'usage' });
    const aborted = AbortSignal.abort();
    await rejects(
      () => writeHtmlReport(fixturePath('tied'), join(directory, 'a.html'), { signal: aborted }),
      {
        code: 'interrupted',
      },
    );
    equal(readdirSync(directory), ['sub']);
    ok(!existsSync(join(directory, 'report.html')));
  });
});
