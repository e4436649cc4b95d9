/** What must hold after a run in which a system call failed. */
import { type Contents, contentsOf } from '../contents.js';
import type { Mode } from './modes.js';
import type { FaultScenario } from './scenarios.js';

export interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** What a stream got, or the answer of a run that ended well, without its time. */
  bytes: Uint8Array | undefined;
}

export interface FaultedRun {
  outcome: Outcome;
  mode: Mode;
  /** Failures made. */
  hits: number;
  before: Contents;
  after: Contents;
  /** That of an undisturbed run. */
  bytes: Uint8Array | undefined;
  root: string;
  /** The same again, undisturbed; forced: over what is there. */
  again(forced: boolean): Promise<Outcome>;
  /** What cannot be read back ends it with 1. */
  checks: boolean;
  answers: FaultScenario['answers'];
  /** What it has done may stay, to be gone on with. */
  keeps: boolean;
  isLibrary: boolean;
}

const isTemporary = (name: string): boolean => /(^|\/)[^/]*\.dcp-tmp-/.test(name);
const IN_PLACE = /is whole and in place/;
/** What a message says of each code. */
const REASONS: Record<Mode['effect'], RegExp> = {
  EIO: /input\/output error/,
  ENOSPC: /no space left/,
  EMFILE: /too many open files/,
  EACCES: /permission denied/,
  EINTR: /^$/,
  part: /^$/,
};

/** The findings, empty where all is as promised: the old thing, nothing, or the new thing whole; and a clear word. */
export async function findingsOf(run: FaultedRun): Promise<string[]> {
  const { outcome, mode, hits, after, root } = run;
  const before = withoutTemporaries(run.before);
  const found = contentsOf(root);
  const own = withoutTemporaries(found);
  const litter = Object.keys(found).filter(isTemporary);
  const findings: string[] = [];
  const expect = (holds: boolean, what: string): void => {
    if (!holds) findings.push(`${what} [exit ${outcome.exitCode}: ${outcome.stderr.trim()}]`);
  };
  const isNew = same(own, after);
  const isInPlace = IN_PLACE.test(outcome.stderr);
  expect(!mode.isHarmless || outcome.exitCode === 0, 'what nobody should notice ended the run');
  expect(!/This is a bug|\n\s+at /.test(outcome.stderr), 'the error is not one of ours');
  if (outcome.exitCode === 0) {
    expect(isNew, `it succeeded, and the destination holds ${difference(after, own)}`);
    if (run.bytes !== undefined)
      expect(Buffer.compare(run.bytes, outcome.bytes!) === 0, 'the answer differs');
    expect(
      litter.length === 0 || /could not be removed/.test(outcome.stderr) || run.isLibrary,
      'litter without a word',
    );
  } else if (run.answers === 'withFindings' && outcome.exitCode === 1) {
    expect(/"findings":\[\{/.test(outcome.stdout), 'it ends with 1, and nothing was found');
    const isOld = isOldOrNothing(own, before, mode.stays);
    expect(isOld, `it only looked, and the destination holds ${difference(before, own)}`);
    expect(litter.length === 0 || mode.stays, `litter: ${litter.join(', ')}`);
    expect(REASONS[mode.effect].test(outcome.stdout), 'the answer does not give the reason');
  } else {
    const expected = run.checks && /does not read back/.test(outcome.stderr) ? 1 : 2;
    expect(outcome.exitCode === expected, 'the exit code is wrong');
    expect(
      isInPlace ? isNew : isOldOrNothing(own, before, mode.stays),
      `it failed, and the destination holds ${difference(before, own)}`,
    );
    expect(/^(dcp: .*\n(hint: .*\n)?)+$/.test(outcome.stderr), 'the message has another form');
    expect(/\[.*in \//.test(outcome.stderr), 'the message names no path');
    // Where /proc cannot be read, who holds a temporary is taken for alive.
    const isCautious =
      run.keeps && /Another conversion is making this output|makes this output is alive/.test(outcome.stderr);
    const isTold = isInPlace || isCautious || REASONS[mode.effect].test(outcome.stderr);
    expect(isTold, 'the message does not give the reason');
    expect(litter.length === 0 || mode.stays || run.keeps, `litter: ${litter.join(', ')}`);
  }
  if (hits > 0 && (outcome.exitCode !== 0 || litter.length > 0)) {
    const forced = isNew && !same(before, after);
    const second = await run.again(forced || (litter.length > 0 && !run.keeps));
    if (run.isLibrary && forced) return findings;
    const then = contentsOf(root);
    if (second.exitCode !== 0)
      findings.push(`the next run fails: ${second.stderr.trim()} [after: ${outcome.stderr.trim()}]`);
    else if (!same(then, after)) findings.push(`after the next run: ${difference(after, then)}`);
  }
  return findings;
}

function withoutTemporaries(contents: Contents): Contents {
  return Object.fromEntries(Object.entries(contents).filter(([name]) => !isTemporary(name)));
}

/**
 * Where the device stays dead nothing can be taken back: directories that were made may stay, and new files, but with
 * no index, so that nobody takes them for a checkpoint. An old index may be gone. The next run mends all of it.
 */
function isOldOrNothing(found: Contents, before: Contents, stays: boolean): boolean {
  if (same(found, before)) return true;
  if (!stays) return false;
  const isIndex = (name: string): boolean => /\.metadata$|\.index\.json$|out\.\w+$/.test(name);
  if (Object.keys(found).some(name => isIndex(name) && found[name] !== before[name])) return false;
  const oldIndex = Object.keys(before).find(isIndex);
  if (oldIndex !== undefined && found[oldIndex] === undefined) return true;
  return Object.keys(before).every(name => found[name] === before[name]);
}

export function same(a: Contents, b: Contents): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}

function difference(expected: Contents, found: Contents): string {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
  return names
    .filter(name => expected[name] !== found[name])
    .map(name => `${name}: ${found[name] ?? 'nothing'} instead of ${expected[name] ?? 'nothing'}`)
    .join('; ');
}
