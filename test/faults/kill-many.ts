/** `kill -9` of the real program at random moments of conversions, and what holds then and after the next run. */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { removeTree, scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { bigSource, startCopying, temporariesOf, waitHere } from './big-source.js';
import { type Contents, contentsOf } from './contents.js';
import { convertArguments, convertHere, runDcp, startDcp } from './run-dcp.js';

export interface KillReport {
  seed: number;
  kills: number;
  /** The process had ended by itself. */
  late: number;
  /** What the destination held then. */
  held: { old: number; nothing: number; new: number };
  /** A temporary was there. */
  withTemporary: number;
  /** The next run was with --resume and found tiles of the killed one. */
  resumed: number;
  findings: string[];
}

/** Where most processes end before they can be killed, nothing is learnt by going on. */
const MAX_TRIES = 10;

type Mode = 'dcp_to_torch' | 'torch_to_dcp';

interface Kind {
  mode: Mode;
  before: 'nothing' | 'old';
}

const isOurs = (name: string): boolean => /(^|\/)\.[^/]*dcp-tmp-/.test(name);

/**
 * @param count kills of a process that had not ended by itself
 * @param spanMs after the temporary appeared, the kill comes within so many milliseconds
 */
export async function killMany(count: number, seed: number, spanMs = 160): Promise<KillReport> {
  const random = new Random(seed);
  const report: KillReport = {
    seed,
    kills: 0,
    late: 0,
    held: { old: 0, nothing: 0, new: 0 },
    withTemporary: 0,
    resumed: 0,
    findings: [],
  };
  const { torchFile, directory } = await bigSource();
  const expected = new Map<string, { before: Contents; after: Contents }>();
  for (let i = 0; report.kills - report.late < count && i < MAX_TRIES * count; i++) {
    const kind: Kind = {
      mode: random.pick(['dcp_to_torch', 'torch_to_dcp'] as const),
      before: random.pick(['nothing', 'old'] as const),
    };
    const key = JSON.stringify(kind);
    const source = kind.mode === 'dcp_to_torch' ? directory : torchFile;
    const root = scratch({ inMemory: random.next() < 0.8 });
    const path = prepare(root, kind);
    const args = convertArguments(kind.mode, source, path, '--force', '--workers', random.pick(['0', '2']));
    let known = expected.get(key);
    if (known === undefined) {
      const whole = scratch({ inMemory: true });
      const wholePath = prepare(whole, kind);
      const before = contentsOf(whole);
      await convertHere(convertArguments(kind.mode, source, wholePath, '--force'));
      expected.set(key, (known = { before, after: contentsOf(whole) }));
      removeTree(whole);
    }
    const delay = random.int(0, spanMs);
    const fromStart = random.next() < 0.2;
    const where = `kill ${i}, ${kind.mode} over ${kind.before}, ${delay} ms after ${fromStart ? 'the start' : 'the temporary came'}`;
    const run = fromStart ? startDcp(args) : startCopying(args);
    waitHere(fromStart ? delay * 2 : delay);
    run.process.kill('SIGKILL');
    const { exitCode, stderr } = await run.ended;
    report.kills++;
    if (exitCode === 0) report.late++;
    else if (exitCode !== null) report.findings.push(`${where}: ended with ${exitCode}: ${stderr}`);
    if (temporariesOf(path).length > 0) report.withTemporary++;
    const held = heldBy(contentsOf(root), known, kind.mode);
    if (held === undefined) report.findings.push(`${where}: a mixture`);
    else report.held[held]++;
    const resumes = random.next() < 0.5;
    const next = await runDcp([...args, ...(resumes ? ['--resume'] : []), '--json']);
    if (next.exitCode !== 0) report.findings.push(`${where}: the next run fails: ${next.stderr}`);
    else if (resumes && JSON.parse(next.stdout).resumed_byte_length > 0) report.resumed++;
    if (!same(contentsOf(root), known.after))
      report.findings.push(`${where}: after the next run it is not whole, or litter stays`);
    removeTree(root);
  }
  return report;
}

function prepare(root: string, { mode, before }: Kind): string {
  const path = join(root, mode === 'dcp_to_torch' ? 'out.pth' : 'out');
  if (before === 'old' && mode === 'dcp_to_torch') writeFileSync(path, 'old');
  if (before === 'old' && mode === 'torch_to_dcp') {
    cpSync(fixturePath('uneven_shards'), path, { recursive: true });
    writeFileSync(join(path, 'notes.txt'), 'foreign');
  }
  return path;
}

/**
 * Old or new where an index is there and all that it names is as it should be; between the new index and the removal
 * of old files a directory may hold more than it will. Files of others are never touched.
 */
function heldBy(
  found: Contents,
  { before, after }: { before: Contents; after: Contents },
  mode: Mode,
): 'old' | 'nothing' | 'new' | undefined {
  const notes = 'out/notes.txt';
  if (before[notes] !== found[notes]) return undefined;
  const index = mode === 'dcp_to_torch' ? 'out.pth' : 'out/.metadata';
  if (found[index] === undefined) return 'nothing';
  const holds = (wanted: Contents): boolean =>
    Object.keys(wanted).every(name => found[name] === wanted[name]);
  const isNew = found[index] === after[index] && holds(after);
  const isOld = found[index] === before[index] && holds(before);
  const extra = Object.keys(found).filter(name => !isOurs(name) && !(name in before) && !(name in after));
  if (extra.length > 0) return undefined;
  return isNew ? 'new' : isOld ? 'old' : undefined;
}

function same(a: Contents, b: Contents): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}
