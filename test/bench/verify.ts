/**
 * `npm run bench:verify -- [--gib 1] [--items 80000] [--rounds 5] [--directory DIR]`: the time of `dcp verify --crc` and of
 * `dcp verify --sha256` against reading the files with `cat` and hashing them with `sha256sum`; and of both for
 * many small items. Everything is in the page cache.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DCP, filesOf, machineText, median, type Sample, timed } from './measure.js';
import { makeSyntheticDcp } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '1' },
    items: { type: 'string', default: '80000' },
    rounds: { type: 'string', default: '5' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const rounds = Number(flags.rounds);
const SHAPE = [4096, 4096];
const tensorCount = Math.max(1, Math.round((Number(flags.gib) * 2 ** 30) / (SHAPE[0]! * SHAPE[1]! * 2)));

const directory = mkdtempSync(join(flags.directory, 'dcp-bench-verify-'));
try {
  const path = join(directory, 'checkpoint');
  await makeSyntheticDcp(path, join(directory, 'random'), {
    tensorCount,
    shape: SHAPE,
    dtype: 'bfloat16',
    grid: [8],
  });
  rmSync(join(directory, 'random'));
  const files = filesOf(path);
  timed(process.execPath, [DCP, 'verify', path, '--sha256', '--write', '--quiet']);
  const small = join(directory, 'small');
  await makeSyntheticDcp(small, join(directory, 'random'), {
    tensorCount: Math.ceil(Number(flags.items) / 8),
    shape: [64, 4],
    dtype: 'bfloat16',
    grid: [8],
  });
  rmSync(join(directory, 'random'));
  const ofItems = `of ${Number(flags.items)} items`;
  const runs: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
    ['cat', 'cat', files],
    ['dcp verify', process.execPath, [DCP, 'verify', path, '--quiet']],
    ['dcp verify --crc', process.execPath, [DCP, 'verify', path, '--crc', '--quiet']],
    ['sha256sum', 'sha256sum', files],
    ['dcp verify --sha256', process.execPath, [DCP, 'verify', path, '--sha256', '--quiet']],
    [`dcp verify ${ofItems}`, process.execPath, [DCP, 'verify', small, '--quiet']],
    [`dcp verify --crc ${ofItems}`, process.execPath, [DCP, 'verify', small, '--crc', '--quiet']],
  ];
  const samples = new Map<string, Sample[]>(runs.map(([name]) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const [name, command, args] of runs) {
      const sample = timed(command, args);
      // The first round brings all into the page cache.
      if (round > 0) samples.get(name)!.push(sample);
    }
  }
  const of = (name: string, what: keyof Sample): number =>
    median(samples.get(name)!.map(sample => sample[what]));
  process.stdout.write(
    [
      `${machineText()}; ${flags.gib} GiB of bfloat16 by 8 ranks, medians of ${rounds}`,
      '',
      '| command | s | / cat | CPU, s | peak memory, MiB |',
      '| --- | ---: | ---: | ---: | ---: |',
      ...runs.map(([name]) => {
        const seconds = of(name, 'seconds');
        const cells = [
          seconds.toFixed(2),
          name.endsWith(ofItems) ? '' : (seconds / of('cat', 'seconds')).toFixed(2),
          of(name, 'cpuSeconds').toFixed(2),
          of(name, 'rssMiB').toFixed(0),
        ];
        return `| ${[name, ...cells].join(' | ')} |`;
      }),
      '',
    ].join('\n'),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
