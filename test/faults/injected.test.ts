/** A sample of the faults that `npm run faults` makes all of: the n-th system call fails, and what holds then. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, is, ok, suite } from '../suite.js';
import { contentsOf } from './contents.js';
import { injectFaults, PRELOAD } from './inject/injection.js';
import { ARM_VARIABLE, MODES, REPORT_VARIABLE } from './inject/modes.js';
import { convertArguments, runDcp, sideBySide } from './run-dcp.js';

/** Each so-manieth call of every scenario and mode. */
const EVERY = 31;

const random = new Random(Date.now() % 1_000_003);

suite(`faults: system calls that fail (seed ${random.seed})`, ({ test, each }) => {
  test('every command that writes: the old thing, nothing, or the new one whole, and a clear word', async () => {
    const { rows, findings } = await injectFaults({ every: EVERY, seed: random.seed, jobs: 2 });
    equal(findings, []);
    const sum = (field: 'runs' | 'faults' | 'inThreads'): number =>
      rows.reduce((total, row) => total + row[field], 0);
    ok(sum('runs') > 300, `${sum('runs')} runs`);
    ok(sum('faults') > 300, `${sum('faults')} faults`);
    ok(sum('inThreads') > 0, 'no fault in a thread');
  });

  const eio = MODES.findIndex(({ name }) => name === 'EIO');
  const interrupted = MODES.findIndex(({ name }) => name === 'EINTR');
  const rows = [
    ...Array.from({ length: 4 }, () => ({ mode: eio, n: random.int(20, 110), exitCodes: [0, 2] })),
    { mode: interrupted, n: random.int(20, 110), exitCodes: [0] },
  ];
  each(
    rows,
    ({ mode, n }) => `the program itself: ${MODES[mode]!.name} at call ${n}`,
    sideBySide(rows, async ({ mode, n, exitCodes }) => {
      const root = scratch({ inMemory: true });
      const report = join(scratch({ inMemory: true }), 'report');
      const args = convertArguments('dcp_to_torch', fixturePath('uneven_shards'), join(root, 'out.pth'));
      const { exitCode, stderr } = await runDcp(args, {
        env: {
          ...process.env,
          NODE_OPTIONS: `--import ${PRELOAD}`,
          [ARM_VARIABLE]: `${mode}:${n}`,
          [REPORT_VARIABLE]: report,
        },
      });
      is(readFileSync(report, 'utf8'), '1');
      ok(exitCodes.includes(exitCode!), `${exitCode}: ${stderr}`);
      if (exitCode === 0 || /is whole and in place/.test(stderr)) return;
      equal(contentsOf(root), {});
      ok(/^dcp: .*input\/output error.*\[.*in \//.test(stderr), stderr);
    }),
  );
});
