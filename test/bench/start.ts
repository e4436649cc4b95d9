/**
 * `npm run bench:start -- [--rounds 25] [--json FILE]`: how long small commands take from start to end, beside a
 * Node.js that does nothing. The runs of a round follow each other; medians count.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DCP, ENVIRONMENT, machineText, median } from './measure.js';

const { values: flags } = parseArgs({
  options: { rounds: { type: 'string', default: '25' }, json: { type: 'string' } },
});
const fixture = (name: string): string =>
  fileURLToPath(new URL(`../../../fixtures/torch-2.13.0/${name}`, import.meta.url));

const scratch = mkdtempSync(join(tmpdir(), 'dcp-bench-'));
const out = join(scratch, 'out');
/** Ten small tensors, in a directory of one rank and in a file. */
const DIRECTORY = fixture('tied_dcp');
const FILE = fixture('tied.pth');
/** 28 entries in 64 items of 4 ranks. */
const RANKS = fixture('fsdp2_adam');
const RUNS: [string, string[]][] = [
  ['node -e 0', ['-e', '0']],
  ['dcp --help', [DCP, '--help']],
  ['dcp inspect FILE --json', [DCP, 'inspect', FILE, '--json']],
  ['dcp inspect DIRECTORY --json', [DCP, 'inspect', DIRECTORY, '--json']],
  ['dcp inspect RANKS --json', [DCP, 'inspect', RANKS, '--json']],
  ['dcp convert dcp_to_torch DIRECTORY', [DCP, 'convert', 'dcp_to_torch', DIRECTORY, out]],
  ['dcp convert torch_to_dcp FILE', [DCP, 'convert', 'torch_to_dcp', FILE, out]],
  ['dcp convert dcp_to_torch RANKS', [DCP, 'convert', 'dcp_to_torch', RANKS, out]],
];

/** In milliseconds. Not through `time`, whose own start would count for as much as some commands. */
function elapsed(args: readonly string[]): number {
  const start = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore', env: ENVIRONMENT });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`);
  return performance.now() - start;
}

try {
  const samples = new Map<string, number[]>(RUNS.map(([name]) => [name, []]));
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const [name, args] of RUNS) {
      rmSync(out, { recursive: true, force: true });
      samples.get(name)!.push(elapsed(args));
    }
  }
  const base = median(samples.get('node -e 0')!);
  const rows = RUNS.map(([name]) => {
    const milliseconds = median(samples.get(name)!);
    return { name, milliseconds, ratio: milliseconds / base };
  });
  const lines = rows.map(
    ({ name, milliseconds, ratio }) => `| ${name} | ${milliseconds.toFixed(1)} | ${ratio.toFixed(2)} |`,
  );
  process.stdout.write(
    `${machineText()}\n\n| run | ms | ÷ node -e 0 |\n| --- | ---: | ---: |\n${lines.join('\n')}\n`,
  );
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(rows, null, 2)}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
