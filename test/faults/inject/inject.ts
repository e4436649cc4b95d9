/**
 * `node --import PRELOAD inject.js [--every N] [--seed N] [--only TEXT] [--mode NAME]`: runs every command that writes
 * again and again, and makes its n-th system call fail, for n = 1, 2, … until a run passes untouched. `--every 7`
 * takes each seventh n, from a place that the seed tells. Prints one JSON document: figures and findings.
 */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { getEnvironmentData } from 'node:worker_threads';
import { errorText } from '../../../src/cli/error-text.js';
import { styleFor } from '../../../src/cli/style.js';
import { removeTree, scratch } from '../../io/scratch.js';
import { Random } from '../../random.js';
import { type Contents, contentsOf } from '../contents.js';
import { ARMED, COUNT, HITS, MODE, MODES, type Mode, SHARED_KEY, TARGET, THREAD_HITS } from './modes.js';
import { FAULT_SCENARIOS, type FaultScenario } from './scenarios.js';
import type { InjectionReport } from './spawn-injector.js';
import { findingsOf, type Outcome } from './verdict.js';

const { values: flags } = parseArgs({
  options: {
    every: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    mode: { type: 'string', default: '' },
  },
});
const every = Number(flags.every);
const random = new Random(Number(flags.seed));
const words = new Int32Array(getEnvironmentData(SHARED_KEY) as SharedArrayBuffer);
const bundle = fileURLToPath(new URL('../../../cli/main.js', import.meta.url));
const { main } = (await import(pathToFileURL(bundle).href)) as {
  main(argv: readonly string[]): Promise<number>;
};
process.setMaxListeners(0);
process.stdout.setMaxListeners(0);
process.stderr.setMaxListeners(0);

/** Runs one command in this process, with what it prints kept. */
async function perform({ run }: FaultScenario, root: string, ...more: string[]): Promise<Outcome> {
  if (typeof run !== 'function') {
    try {
      const bytes = await run.library(root);
      return { exitCode: 0, stderr: '', bytes: bytes instanceof Uint8Array ? bytes : undefined };
    } catch (error) {
      return { exitCode: 2, stderr: errorText(error, styleFor(false)), bytes: undefined };
    }
  }
  const writes = [process.stdout.write, process.stderr.write];
  let stderr = '';
  const keep = (toStderr: boolean) =>
    ((text: unknown, ...rest: unknown[]) => {
      if (toStderr) stderr += String(text);
      const callback = rest.at(-1);
      if (typeof callback === 'function') process.nextTick(callback as () => void);
      return true;
    }) as typeof process.stdout.write;
  process.stdout.write = keep(false);
  process.stderr.write = keep(true);
  try {
    const exitCode = await main([...run(root), ...more]);
    return { exitCode, stderr, bytes: undefined };
  } finally {
    [process.stdout.write, process.stderr.write] = writes as [
      typeof process.stdout.write,
      typeof process.stderr.write,
    ];
    process.removeAllListeners('uncaughtException');
  }
}

interface Reference {
  before: Contents;
  after: Contents;
  bytes: Uint8Array | undefined;
}

async function prepared(scenario: FaultScenario): Promise<string> {
  const root = scratch({ inMemory: true });
  await scenario.prepare?.(root);
  return root;
}

async function untouched(scenario: FaultScenario): Promise<Reference> {
  const root = await prepared(scenario);
  const before = contentsOf(root);
  const { exitCode, stderr, bytes } = await perform(scenario, root);
  if (exitCode !== 0) throw new Error(`${scenario.name} fails without faults: ${stderr}`);
  const after = contentsOf(root);
  removeTree(root);
  return { before, after, bytes };
}

type Row = InjectionReport['rows'][number];

const rows: Row[] = [];
const findings: string[] = [];

async function inject(scenario: FaultScenario, mode: Mode, reference: Reference): Promise<void> {
  const row: Row = {
    scenario: scenario.name,
    mode: mode.name,
    calls: 0,
    runs: 0,
    faults: 0,
    inThreads: 0,
    passed: 0,
    refused: 0,
  };
  const first = random.int(0, every - 1);
  for (let n = first; ; n += every) {
    const root = await prepared(scenario);
    words[MODE] = MODES.indexOf(mode);
    words[TARGET] = n;
    words[COUNT] = 0;
    words[HITS] = 0;
    words[THREAD_HITS] = 0;
    words[ARMED] = 1;
    const outcome = await perform(scenario, root);
    words[ARMED] = 0;
    const hits = words[HITS]!;
    row.calls = Math.max(row.calls, words[COUNT]!);
    row.runs++;
    row.faults += hits;
    row.inThreads += words[THREAD_HITS]!;
    if (outcome.exitCode === 0) row.passed++;
    else row.refused++;
    const found = await findingsOf({
      outcome,
      mode,
      hits,
      ...reference,
      root,
      again: forced =>
        perform(scenario, root, ...(forced && scenario.again === undefined ? ['--force'] : [])),
      checks: scenario.checks === true,
      keeps: scenario.keeps === true,
      isLibrary: typeof scenario.run !== 'function',
    });
    for (const text of found) findings.push(`${scenario.name}, ${mode.name} at call ${n}: ${text}`);
    removeTree(root);
    if (hits === 0) break;
    if (findings.length > 200) return;
  }
  rows.push(row);
}

for (const scenario of FAULT_SCENARIOS) {
  if (!scenario.name.includes(flags.only)) continue;
  const reference = await untouched(scenario);
  for (const mode of MODES) {
    if (flags.mode !== '' && mode.name !== flags.mode) continue;
    await inject(scenario, mode, reference);
  }
}
// What could not be removed from the temporary area goes when the next run needs it.
const area = process.env.TMPDIR ?? tmpdir();
const spooling = FAULT_SCENARIOS.filter(({ name }) => name.includes('temporary area'));
for (const scenario of spooling) await untouched(scenario);
for (const name of readdirSync(area)) {
  if (name.startsWith('.spool.dcp-tmp-') && name.includes(`-${process.pid}-`))
    findings.push(`left: ${join(area, name)}`);
}
process.stdout.write(`${JSON.stringify({ rows, findings })}\n`, () => process.exit(0));
