/**
 * `npm run bench:stats -- [--gib 1] [--rounds 7] [--only float32] [--directory DIR] [--python PYTHON]`: times `dcp stats` against `cat`
 * of the same files and, where torch is there, against loading them in torch and looking for NaN, Inf and the largest
 * number. The bytes are in the page cache. All of a round run one after the other; medians count.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DCP, DEFAULT_PYTHON, filesOf, machineText, median, timed } from './measure.js';
import { makeSyntheticDcp, normalNumbers } from './synthetic.js';

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    'torch-rounds': { type: 'string', default: '1' },
    directory: { type: 'string', default: tmpdir() },
    python: { type: 'string', default: DEFAULT_PYTHON },
  },
});
const byteTotal = Number(flags.gib) * 2 ** 30;
const rounds = Number(flags.rounds);

const CASES = [
  { dtype: 'bfloat16', layout: 'rows', grid: [8] },
  { dtype: 'bfloat16', layout: 'columns', grid: [1, 8] },
  { dtype: 'float32', layout: 'rows', grid: [8] },
];

const TORCH = `
import sys, torch, torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
metadata = dcp.FileSystemReader(sys.argv[1]).read_metadata()
state = {name: torch.empty(item.size, dtype=item.properties.dtype)
         for name, item in metadata.state_dict_metadata.items() if isinstance(item, TensorStorageMetadata)}
dcp.load(state, checkpoint_id=sys.argv[1], no_dist=True)
for tensor in state.values():
    tensor.isfinite().all().item(), tensor.max().item()
`;

const lines: string[] = [];
for (const { dtype, layout, grid } of CASES) {
  if (!`${dtype} ${layout}`.includes(flags.only)) continue;
  const directory = mkdtempSync(join(flags.directory, 'dcp-bench-'));
  try {
    const shape = dtype === 'float32' ? [4096, 2048] : [4096, 4096];
    const block = normalNumbers(dtype, 1 << 20);
    const tensorCount = Math.max(1, Math.round(byteTotal / 2 ** 25));
    const dcp = join(directory, 'dcp');
    await makeSyntheticDcp(dcp, join(directory, 'raw'), { dtype, shape, grid, tensorCount, block });
    rmSync(join(directory, 'raw'));
    const files = filesOf(dcp);
    const stats = (...options: string[]) =>
      [process.execPath, [DCP, 'stats', dcp, '--device', 'cpu', ...options]] as const;
    const runs = {
      cat: ['cat', files],
      'dcp stats': stats(),
      'dcp stats --no-crc': stats('--no-crc'),
      'dcp stats --workers 1': stats('--workers', '1'),
      ...(existsSync(flags.python)
        ? { 'torch load, isfinite, max': [flags.python, ['-c', TORCH, dcp]] }
        : {}),
    } as Record<string, readonly [string, readonly string[]]>;
    const taken = new Map<string, number[]>(Object.keys(runs).map(name => [name, []]));
    for (let round = 0; round < rounds; round++) {
      for (const [name, [command, args]] of Object.entries(runs)) {
        if (name.startsWith('torch') && round >= Number(flags['torch-rounds'])) continue;
        taken.get(name)!.push(timed(command, args).seconds);
      }
    }
    const byCat = median(taken.get('cat')!);
    for (const [name, times] of taken) {
      if (times.length === 0) continue;
      const time = median(times);
      const rate = (tensorCount * 2 ** 25) / time / 1e9;
      const cells = [
        dtype,
        layout,
        name,
        times.length,
        time.toFixed(2),
        rate.toFixed(2),
        (time / byCat).toFixed(2),
      ];
      lines.push(`| ${cells.join(' | ')} |`);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
process.stdout.write(
  `${machineText()}, ${flags.gib} GiB by 8 ranks\n\n` +
    '| dtype | layout | run | rounds | seconds | GB/s | time / cat |\n' +
    `| --- | --- | --- | ---: | ---: | ---: | ---: |\n${lines.join('\n')}\n`,
);
