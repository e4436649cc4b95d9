/**
 * A process that makes faults, loaded with the preload: for each unit that it is sent it runs a command that writes
 * again and again, and makes its n-th system call fail, for one n after the other, until a run passes untouched.
 */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getEnvironmentData } from 'node:worker_threads';
import { errorText } from '../../../src/cli/error-text.js';
import { styleFor } from '../../../src/cli/style.js';
import { removeTree, scratch } from '../../io/scratch.js';
import { type Contents, contentsOf } from '../contents.js';
import type { InjectionAnswer, InjectionRow, InjectionUnit } from './injection.js';
import { ARMED, COUNT, HITS, MODE, MODES, SHARED_KEY, SPOOLS, TARGET, THREAD_HITS } from './modes.js';
import { FAULT_SCENARIOS, type FaultScenario } from './scenarios.js';
import { findingsOf, type Outcome, same } from './verdict.js';

const MAX_FINDINGS = 200;

/** Of its own: what others leave there costs calls. */
const area = scratch();
process.env.TMPDIR = area;
const words = new Int32Array(getEnvironmentData(SHARED_KEY) as SharedArrayBuffer);
/** As bin/dcp.js loads it. */
const program = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const { loadScript } = createRequire(import.meta.url)(program('bin/load-script.js')) as {
  loadScript(path: string): { exports: { main(argv: readonly string[]): Promise<number> } };
};
const { main } = loadScript(program('dist/cli/main.cjs')).exports;
process.setMaxListeners(0);
process.stdout.setMaxListeners(0);
process.stderr.setMaxListeners(0);

/** Runs one command in this process, with what it prints kept. */
async function perform({ run, answers }: FaultScenario, root: string, ...more: string[]): Promise<Outcome> {
  if (typeof run !== 'function') {
    try {
      const bytes = await run.library(root);
      return { exitCode: 0, stdout: '', stderr: '', bytes: bytes instanceof Uint8Array ? bytes : undefined };
    } catch (error) {
      return { exitCode: 2, stdout: '', stderr: errorText(error, styleFor(false)), bytes: undefined };
    }
  }
  const writes = [process.stdout.write, process.stderr.write];
  let stdout = '';
  let stderr = '';
  const keep = (toStderr: boolean) =>
    ((text: unknown, ...rest: unknown[]) => {
      if (toStderr) stderr += String(text);
      else stdout += String(text);
      const callback = rest.at(-1);
      if (typeof callback === 'function') process.nextTick(callback as () => void);
      return true;
    }) as typeof process.stdout.write;
  process.stdout.write = keep(false);
  process.stderr.write = keep(true);
  try {
    const exitCode = await main([...run(root), ...more]);
    const bytes = answers === undefined || exitCode !== 0 ? undefined : timeless(stdout, root);
    return { exitCode, stdout, stderr, bytes };
  } finally {
    [process.stdout.write, process.stderr.write] = writes as [
      typeof process.stdout.write,
      typeof process.stderr.write,
    ];
    process.removeAllListeners('uncaughtException');
  }
}

/** A document without what differs between runs. */
function timeless(document: string, root: string): Uint8Array {
  return Buffer.from(
    document.replace(/"elapsed_seconds":[\d.]+|"left_behind":\[[^\]]*\]/g, '').replaceAll(root, ''),
  );
}

interface Reference {
  before: Contents;
  after: Contents;
  bytes: Uint8Array | undefined;
  spools: boolean;
}

async function prepared(scenario: FaultScenario): Promise<string> {
  const root = scratch({ inMemory: true });
  await scenario.prepare?.(root);
  return root;
}

async function untouched(scenario: FaultScenario): Promise<Reference> {
  const root = await prepared(scenario);
  const before = contentsOf(root);
  words[SPOOLS] = 0;
  const { exitCode, stderr, bytes } = await perform(scenario, root);
  const spools = words[SPOOLS]! > 0;
  if (exitCode !== 0) throw new Error(`${scenario.name} fails without faults: ${stderr}`);
  const after = contentsOf(root);
  removeTree(root);
  return { before, after, bytes, spools };
}

const references = new Map<string, Reference>();

async function inject({
  scenario: name,
  mode: modeName,
  first,
  every,
}: InjectionUnit): Promise<InjectionAnswer> {
  const scenario = FAULT_SCENARIOS.find(each => each.name === name)!;
  const mode = MODES.find(each => each.name === modeName)!;
  let reference = references.get(name);
  if (reference === undefined) references.set(name, (reference = await untouched(scenario)));
  const row: InjectionRow = {
    scenario: name,
    mode: modeName,
    command: typeof scenario.run === 'function' ? scenario.run('')[0]! : undefined,
    changes: !same(reference.before, reference.after),
    spools: reference.spools,
    calls: 0,
    runs: 0,
    faults: 0,
    inThreads: 0,
    passed: 0,
    refused: 0,
  };
  const findings: string[] = [];
  for (let n = first; findings.length <= MAX_FINDINGS; n += every) {
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
      answers: scenario.answers,
      keeps: scenario.keeps === true,
      isLibrary: typeof scenario.run !== 'function',
    });
    for (const text of found) findings.push(`${name}, ${modeName} at call ${n}: ${text}`);
    removeTree(root);
    if (hits === 0) break;
  }
  return { row, findings };
}

/** What could not be removed from the temporary area goes when the next run needs it: nothing may be left then. */
async function leftInArea(): Promise<string[]> {
  const spooling = FAULT_SCENARIOS.filter(({ name }) => name.includes('temporary area'));
  for (const scenario of spooling) await untouched(scenario);
  return readdirSync(area)
    .filter(name => name.startsWith('.spool.dcp-tmp-'))
    .map(name => `left: ${join(area, name)}`);
}

process.on('message', (message: InjectionUnit | 'end') => {
  const work: Promise<InjectionAnswer | string[]> = message === 'end' ? leftInArea() : inject(message);
  // An exception of the harness itself ends the process, which the asker sees.
  void work.then(answer => process.send!(answer));
});
process.on('disconnect', () => process.exit(0));
