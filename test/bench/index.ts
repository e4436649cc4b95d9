/**
 * `npm run bench:index -- [--work DIR] [--rounds 5] [--json FILE] [--python PYTHON]`: how long it takes to open the
 * index of 10,000 and of 100,000 tensors × 8 ranks as torch pickles it, to make the header and then the entries that
 * `dcp inspect` prints, and to resolve and plan 800,000 chunks. Each round is a process of its own; files are in the
 * page cache. `--work` keeps what is made, for the next time.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineText, median } from './measure.js';
import { CHUNK, GROUP, makeTinyShards } from './tiny-shards.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    work: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    python: { type: 'string', default: join(root, '.venv/bin/python') },
  },
});
const rounds = Number(flags.rounds);
const work = flags.work ?? mkdtempSync(join(tmpdir(), 'dcp-index-'));

function makeIndex(directory: string, ...options: (string | number)[]): void {
  mkdirSync(directory, { recursive: true });
  const script = join(root, 'test/bench/make_index.py');
  const { status } = spawnSync(flags.python, [script, join(directory, '.metadata'), ...options.map(String)], {
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`${script} failed`);
}

interface Case {
  name: string;
  what: 'open' | 'inspect' | 'plan';
  path: string;
  tensorCount: number;
}

const cases: Case[] = [
  { name: 'open 10,000 × 8', what: 'open', path: join(work, 'index-10k'), tensorCount: 10_000 },
  { name: 'open 100,000 × 8', what: 'open', path: join(work, 'index-100k'), tensorCount: 100_000 },
  { name: 'inspect 100,000 × 8', what: 'inspect', path: join(work, 'index-100k'), tensorCount: 100_000 },
  { name: 'plan 100,000 × 8', what: 'plan', path: join(work, 'tiny-100k'), tensorCount: 100_000 },
];

type Sample = Record<string, number>;
const child = fileURLToPath(new URL('index-child.js', import.meta.url));

function sample({ what, path }: Case): Sample {
  const { status, stdout, stderr } = spawnSync(process.execPath, [child, what, path], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Sample;
}

try {
  for (const { what, path, tensorCount } of cases) {
    if (existsSync(join(path, '.metadata'))) continue;
    if (what === 'open') makeIndex(path, '--tensors', tensorCount);
    else {
      const length = await makeTinyShards(path, tensorCount);
      makeIndex(
        path,
        ...['--tensors', tensorCount, '--chunk', ...CHUNK],
        ...['--item-byte-length', length, '--items-per-file', GROUP],
      );
    }
  }
  const rows = cases.map(one => {
    const samples = Array.from({ length: rounds }, () => sample(one));
    const keys = Object.keys(samples[0]!);
    const medians = keys.map((key): [string, number] => [key, median(samples.map(taken => taken[key]!))]);
    const indexMiB = statSync(join(one.path, '.metadata')).size / 2 ** 20;
    const figures: Sample = { indexMiB, ...Object.fromEntries(medians) };
    return { name: one.name, figures };
  });
  const cell = (value: number | undefined, digits: number): string => value?.toFixed(digits) ?? '–';
  const lines = [
    `${machineText()}; medians of ${rounds}`,
    '',
    '| run | .metadata, MiB | open, s | header, s | entries, s | resolve, s | plan, s | CPU, s | peak RSS, MiB |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ name, figures }) =>
        `| ${name} | ${cell(figures.indexMiB, 0)} | ${cell(figures.open, 2)} | ${cell(figures.header, 2)} | ${cell(figures.entries, 2)} | ${cell(figures.resolve, 2)} | ${cell(figures.plan, 2)} | ${cell(figures.cpu, 2)} | ${cell(figures.rssMiB, 0)} |`,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (flags.json !== undefined)
    writeFileSync(flags.json, `${JSON.stringify({ machine: machineText(), rounds, rows }, null, 2)}\n`);
} finally {
  if (flags.work === undefined) rmSync(work, { recursive: true, force: true });
}
