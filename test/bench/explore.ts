/**
 * `npm run bench:explore -- [--work DIR] [--presses 60] [--json FILE] [--python PYTHON]`: how long `dcp explore` takes
 * from a key press to the last byte of the frame that it draws, in a pseudo-terminal (of `script`, util-linux), on an
 * index of 100,000 tensors × 8 ranks. `--work` keeps the index, for the next time.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { values: flags } = parseArgs({
  options: {
    work: { type: 'string' },
    presses: { type: 'string', default: '60' },
    json: { type: 'string' },
    python: { type: 'string', default: join(root, '.venv/bin/python') },
  },
});
const presses = Number(flags.presses);
const work = flags.work ?? mkdtempSync(join(tmpdir(), 'dcp-explore-'));

/** What the explorer writes last of each frame. */
const FRAME_END = '\u001b[?2026l';
const SIZE = { columns: 120, rows: 40 };

interface Sample {
  milliseconds: number;
  byteLength: number;
}

const PATIENCE_MS = 5000;
const OPENING_MS = 60_000;

/** The program in a pseudo-terminal: what it draws is read from here, and keys are written. */
class Screen {
  private readonly child: ChildProcess;
  private output = '';
  private onFrame: (() => void) | undefined;
  readonly startedAt = performance.now();

  constructor(path: string) {
    const explore = `'${process.execPath}' '${join(root, 'bin/dcp.js')}' explore '${path}'`;
    const line = `stty cols ${SIZE.columns} rows ${SIZE.rows}; exec ${explore}`;
    this.child = spawn('script', ['-qefc', line, '/dev/null'], {
      stdio: 'pipe',
      env: { ...process.env, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
    });
    this.child.stdout!.setEncoding('utf8').on('data', text => {
      this.output += text;
      if (this.output.includes(FRAME_END)) this.onFrame?.();
    });
  }

  /** Waits for a frame, and says when it was whole: in vain where nothing changes. */
  async frame(patience: number): Promise<{ at: number; byteLength: number } | undefined> {
    if (!this.output.includes(FRAME_END)) {
      const drawn = new Promise<void>(resolve => (this.onFrame = resolve));
      await Promise.race([drawn, setTimeout(patience)]);
      if (!this.output.includes(FRAME_END)) return undefined;
    }
    const byteLength = Buffer.byteLength(this.output);
    return { at: performance.now(), byteLength };
  }

  async press(keys: string): Promise<Sample | undefined> {
    this.output = '';
    const start = performance.now();
    this.child.stdin!.write(keys);
    const frame = await this.frame(PATIENCE_MS);
    // What comes late, as what was read for the detail, belongs to no key.
    await setTimeout(80);
    return frame && { milliseconds: frame.at - start, byteLength: frame.byteLength };
  }

  async text(wanted: string): Promise<number> {
    while (!this.output.includes(wanted)) await setTimeout(1);
    return performance.now() - this.startedAt;
  }

  close(): void {
    this.child.kill();
  }
}

interface Operation {
  name: string;
  /** Before each press, unmeasured. */
  before?: string;
  keys: string | readonly string[];
}

const ESCAPE = '\u001b';
const DOWN = '\u001b[B';
const UP = '\u001b[A';
const PAGE_DOWN = '\u001b[6~';
const OPERATIONS: readonly Operation[] = [
  { name: 'down and up', keys: [DOWN, UP] },
  { name: 'page down and up', keys: [PAGE_DOWN, '\u001b[5~'] },
  { name: 'to the bottom and top', keys: ['G', 'g'] },
  { name: 'fold and unfold 11,112 layers', before: 'gj', keys: ['h', 'l'] },
  { name: 'unfold all, fold all', before: 'g', keys: ['*', '-'] },
  { name: 'down and up, all 133,335 rows unfolded', before: 'g*', keys: [DOWN, UP] },
  { name: 'a letter of a search', before: 'g/', keys: [...'layers.99'] },
  { name: 'next match, of 11,112', before: 'g/wq\r', keys: ['n'] },
  { name: 'sort: name, size, type, saved', keys: ['s'] },
  { name: 'the next largest tensor', keys: ['b'] },
  { name: 'layout, values, statistics', keys: ['2', '3', '1'] },
  { name: 'help, and back', keys: ['?', ESCAPE] },
];

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))]!;

const index = join(work, 'index-100k');
try {
  if (!existsSync(join(index, '.metadata'))) {
    mkdirSync(index, { recursive: true });
    const script = join(root, 'test/bench/make_index.py');
    const { status } = spawnSync(flags.python, [script, join(index, '.metadata'), '--tensors', '100000'], {
      stdio: 'inherit',
    });
    if (status !== 0) throw new Error(`${script} failed`);
  }
  const screen = new Screen(index);
  const lineSeconds = (await screen.text('reading the index')) / 1000;
  const first = await screen.frame(OPENING_MS);
  if (first === undefined) throw new Error('nothing was drawn');
  const firstSeconds = (first.at - screen.startedAt) / 1000;
  await setTimeout(300);
  await screen.press('j');
  await screen.press('l');
  const rows: { name: string; median: number; p95: number; most: number; byteLength: number }[] = [];
  for (const { name, before, keys } of OPERATIONS) {
    for (const key of before ?? '') await screen.press(key);
    const samples: Sample[] = [];
    for (let i = 0; i < presses; i++) {
      const list = typeof keys === 'string' ? [keys] : keys;
      const key = list[i % list.length]!;
      // A search is typed from its beginning again.
      if (name.includes('search') && i % list.length === 0 && i > 0) {
        await screen.press(ESCAPE);
        await screen.press('/');
      }
      const sample = await screen.press(key);
      if (sample === undefined) throw new Error(`${name}: nothing was drawn after ${JSON.stringify(key)}`);
      samples.push(sample);
    }
    if (name.includes('search')) await screen.press(ESCAPE);
    const milliseconds = samples.map(sample => sample.milliseconds);
    rows.push({
      name,
      median: quantile(milliseconds, 0.5),
      p95: quantile(milliseconds, 0.95),
      most: Math.max(...milliseconds),
      byteLength: quantile(
        samples.map(sample => sample.byteLength),
        0.5,
      ),
    });
  }
  screen.close();
  const machine = `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`;
  const lines = [
    `${machine}; ${SIZE.columns} × ${SIZE.rows}; ${presses} presses each`,
    `A line that the index is read after ${lineSeconds.toFixed(2)} s, the first frame with rows of the tree after ${firstSeconds.toFixed(2)} s.`,
    '',
    '| keys | median, ms | p95, ms | most, ms | bytes drawn |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows.map(
      ({ name, median, p95, most, byteLength }) =>
        `| ${name} | ${median.toFixed(1)} | ${p95.toFixed(1)} | ${most.toFixed(1)} | ${byteLength} |`,
    ),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (flags.json !== undefined) {
    writeFileSync(flags.json, `${JSON.stringify({ machine, lineSeconds, firstSeconds, rows }, null, 2)}\n`);
  }
} finally {
  if (flags.work === undefined) rmSync(work, { recursive: true, force: true });
}
