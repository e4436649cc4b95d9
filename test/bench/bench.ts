/**
 * `npm run bench -- [--gib 1] [--rounds 7] [--layouts rows,columns,grid,narrow] [--directory DIR] [--json FILE]
 * [--python PYTHON] [--cold]`: times conversions against `cp` of the same bytes and, where torch is there, against
 * torch's own converter. All of a round run one after the other, rounds alternate, medians count. With `--cold` those
 * without sync are also run from sources that are not in the page cache.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DCP, DEFAULT_PYTHON, filesOf, machineText, median, type Sample, settle, timed } from './measure.js';
import { makeSyntheticDcp, type SyntheticSpec } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '7' },
    layouts: { type: 'string', default: 'rows,columns,grid,narrow' },
    directory: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    python: { type: 'string', default: DEFAULT_PYTHON },
    cold: { type: 'boolean', default: false },
    'torch-rounds': { type: 'string', default: '3' },
  },
});
const byteTotal = Number(flags.gib) * 2 ** 30;
const rounds = Number(flags.rounds);
const hasTorch = existsSync(flags.python);

const LAYOUTS: Record<string, Pick<SyntheticSpec, 'shape' | 'grid'>> = {
  rows: { shape: [4096, 4096], grid: [8] },
  columns: { shape: [4096, 4096], grid: [1, 8] },
  grid: { shape: [4096, 4096], grid: [2, 4] },
  narrow: { shape: [65536, 64], grid: [1, 8] },
};

interface Contender {
  name: string;
  rounds: number;
  output: string;
  /** Not timed. */
  prepare?(): void;
  run(): Sample;
}

/** Drops the pages of a file, or of the files of a directory, from the page cache. */
function evict(path: string): void {
  for (const name of filesOf(path)) {
    const { status, stderr } = spawnSync('dd', [`if=${name}`, 'iflag=nocache', 'count=0'], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
  }
}

function contenders(directory: string, dcp: string, pth: string): Contender[] {
  const node = process.execPath;
  const out = join(directory, 'out');
  const ours = (mode: string, source: string, ...options: string[]): Contender => ({
    name: `dcp ${mode}${options.map(option => ` ${option}`).join('')}`,
    rounds,
    output: out,
    run: () => timed(node, [DCP, 'convert', mode, source, out, '--quiet', ...options]),
  });
  const copy = (withSync: boolean): Contender => ({
    name: withSync ? 'cp + fsync' : 'cp',
    rounds,
    output: out,
    run: () => timed('cp', ['--reflink=never', pth, out], withSync ? out : undefined),
  });
  const torch = (mode: string, source: string): Contender => ({
    name: `torch ${mode} + fsync`,
    rounds: Math.min(rounds, Number(flags['torch-rounds'])),
    output: out,
    run: () =>
      timed(flags.python, ['-m', 'torch.distributed.checkpoint.format_utils', mode, source, out], out),
  });
  const cold = (contender: Contender, source: string): Contender => ({
    ...contender,
    name: `${contender.name}, cold`,
    prepare: () => evict(source),
  });
  const unsynced: [Contender, string][] = [
    [copy(false), pth],
    [ours('dcp_to_torch', dcp, '--no-sync'), dcp],
    [ours('torch_to_dcp', pth, '--no-sync'), pth],
  ];
  return [
    copy(true),
    ours('dcp_to_torch', dcp),
    ours('torch_to_dcp', pth),
    ...unsynced.map(([contender]) => contender),
    ...(flags.cold ? unsynced.map(([contender, source]) => cold(contender, source)) : []),
    ...(hasTorch ? [torch('dcp_to_torch', dcp), torch('torch_to_dcp', pth)] : []),
  ];
}

interface Row {
  layout: string;
  name: string;
  rounds: number;
  seconds: number;
  ratio: number;
  rss_mib: number | null;
}

/** The run of `cp` that a run is compared with: both sync or neither does, both are cold or neither is. */
function baseOf(name: string): string {
  if (name.endsWith(', cold')) return 'cp, cold';
  return name === 'cp' || name.includes('--no-sync') ? 'cp' : 'cp + fsync';
}

const machine = `${machineText()}, ${flags.gib} GiB of bfloat16 by 8 ranks`;
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const textOf = ({ layout, name, rounds, seconds, ratio, rss_mib }: Row): string =>
  `| ${layout} | ${name} | ${rounds} | ${seconds.toFixed(2)} | ${ratio.toFixed(2)} | ${rss_mib?.toFixed(0) ?? '–'} |`;
print(`${machine}\n`);
print('| layout | run | rounds | seconds | time / cp | peak RSS, MiB |');
print('| --- | --- | ---: | ---: | ---: | ---: |');

const rows: Row[] = [];
for (const layout of flags.layouts.split(',')) {
  const { shape, grid } = LAYOUTS[layout]!;
  const directory = mkdtempSync(join(flags.directory, 'dcp-bench-'));
  try {
    const tensorByteLength = shape.reduce((a, b) => a * b, 2);
    const spec = {
      shape,
      grid,
      dtype: 'bfloat16',
      tensorCount: Math.max(1, Math.round(byteTotal / tensorByteLength)),
    };
    const dcp = join(directory, 'dcp');
    await makeSyntheticDcp(dcp, join(directory, 'random'), spec);
    rmSync(join(directory, 'random'));
    const pth = join(directory, 'model.pth');
    timed(process.execPath, [DCP, 'convert', 'dcp_to_torch', dcp, pth, '--quiet']);
    const all = contenders(directory, dcp, pth).filter(contender => contender.rounds > 0);
    const samples = new Map<string, Sample[]>(all.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const contender of all) {
        if (round >= contender.rounds) continue;
        rmSync(contender.output, { recursive: true, force: true });
        contender.prepare?.();
        settle();
        samples.get(contender.name)!.push(contender.run());
      }
    }
    const secondsOf = (name: string): number => median(samples.get(name)!.map(({ seconds }) => seconds));
    for (const { name } of all) {
      const taken = samples.get(name)!;
      const base = secondsOf(baseOf(name));
      const rss = taken.map(({ rssMiB }) => rssMiB).filter(value => !Number.isNaN(value));
      rows.push({
        layout,
        name,
        rounds: taken.length,
        seconds: secondsOf(name),
        ratio: secondsOf(name) / base,
        rss_mib: rss.length === 0 ? null : Math.max(...rss),
      });
      print(textOf(rows.at(-1)!));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
