/** Conversions ended in the middle, by SIGKILL or by signals that ask: what a name holds then, and after the next run. */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { bigSource, startCopying, temporariesOf, waitHere } from './big-source.js';
import { type Contents, contentsOf } from './contents.js';
import { convertArguments, convertHere, type Ending, runDcp, sideBySide, succeeds } from './run-dcp.js';

interface Round {
  mode: 'dcp_to_torch' | 'torch_to_dcp';
  before: 'nothing' | 'old';
  signal: 'SIGKILL' | 'SIGINT' | 'SIGTERM' | 'SIGHUP';
  /** Milliseconds after the temporary appeared. */
  after: number;
  /** On a disk, where flushing takes time; otherwise in memory. */
  onDisk: boolean;
}

const random = new Random(Date.now() % 1_000_003);
const rounds: Round[] = [];
for (const mode of ['dcp_to_torch', 'torch_to_dcp'] as const) {
  for (const before of ['nothing', 'old'] as const) {
    const round = { mode, before, signal: 'SIGKILL', onDisk: false } as const;
    rounds.push({ ...round, after: 0 });
    const onDisk = mode === 'torch_to_dcp' && before === 'old';
    rounds.push({ ...round, after: random.int(0, 80), onDisk });
    rounds.push({ ...round, after: random.int(0, 80), signal: before === 'old' ? 'SIGTERM' : 'SIGINT' });
  }
}
rounds.push({ mode: 'dcp_to_torch', before: 'old', signal: 'SIGHUP', after: 0, onDisk: false });

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** What the destination holds, without temporaries. */
function visible(root: string): Contents {
  const contents = contentsOf(root);
  return Object.fromEntries(Object.entries(contents).filter(([name]) => !/(^|\/)\..*dcp-tmp-/.test(name)));
}

suite(`faults: ended in the middle (seed ${random.seed})`, ({ each, test }) => {
  const expected = new Map<string, Promise<Contents>>();
  let killedInTheMiddle = 0;

  const prepare = (root: string, { mode, before }: Round): string => {
    const path = join(root, mode === 'dcp_to_torch' ? 'out.pth' : 'out');
    if (before === 'old' && mode === 'dcp_to_torch') writeFileSync(path, 'old');
    if (before === 'old' && mode === 'torch_to_dcp') {
      cpSync(fixturePath('uneven_shards'), path, { recursive: true });
      writeFileSync(join(path, 'notes.txt'), 'foreign');
    }
    return path;
  };
  const argumentsOf = async ({ mode }: Round, path: string): Promise<string[]> => {
    const { torchFile, directory } = await bigSource();
    return convertArguments(mode, mode === 'dcp_to_torch' ? directory : torchFile, path, '--force');
  };
  /** What an undisturbed run leaves. */
  const whole = (round: Round): Promise<Contents> => {
    const key = `${round.mode} over ${round.before}`;
    let result = expected.get(key);
    if (result === undefined) {
      result = (async () => {
        const root = scratch({ inMemory: true });
        await convertHere(await argumentsOf(round, prepare(root, round)));
        return contentsOf(root);
      })();
      expected.set(key, result);
    }
    return result;
  };

  each(
    rounds,
    ({ mode, before, signal, after }) => `${mode} over ${before}, ${signal} after ${after} ms`,
    sideBySide(rounds, async round => {
      const root = scratch({ inMemory: !round.onDisk });
      const path = prepare(root, round);
      const before = contentsOf(root);
      const args = await argumentsOf(round, path);
      const run = startCopying(args);
      waitHere(round.after);
      run.process.kill(round.signal);
      const ending = await run.ended;
      const after = await whole(round);
      if (round.signal !== 'SIGKILL') {
        checkAsked(ending, EXIT_CODES[round.signal], contentsOf(root), { before, after });
        return;
      }
      checkKilled(ending, visible(root), { before, after, root });
      if (temporariesOf(path).length > 0) killedInTheMiddle++;
      const { warnings, left_behind } = await succeeds(args);
      // What was done of it is started again, and that is said.
      for (const { kind, message } of warnings as { kind: string; message: string }[]) {
        is(kind, 'leftover');
        match(message, /^An unfinished conversion was removed \(\d+ of \d+ bytes done by process \d+/);
      }
      equal(left_behind, []);
      equal(contentsOf(root), after);
    }),
  );

  test('some were killed in the middle', () => {
    ok(killedInTheMiddle >= 2, `${killedInTheMiddle} of ${rounds.length}`);
  });

  test('two interrupts: it ends at once, and the next run removes what is left', async () => {
    const root = scratch({ inMemory: true });
    const path = join(root, 'out.pth');
    const args = convertArguments('dcp_to_torch', (await bigSource()).directory, path);
    const run = startCopying(args);
    run.process.kill('SIGINT');
    run.process.kill('SIGINT');
    const { exitCode } = await run.ended;
    is(exitCode, 130);
    is(existsSync(path), false);
    await succeeds([...args, '--force']);
    equal(Object.keys(contentsOf(root)), ['out.pth']);
  });

  test('interrupted with --json: one document, and words on stderr', async () => {
    const root = scratch({ inMemory: true });
    const path = join(root, 'out.pth');
    const args = convertArguments('dcp_to_torch', (await bigSource()).directory, path, '--json');
    const run = startCopying(args);
    run.process.kill('SIGTERM');
    const { exitCode, stdout, stderr } = await run.ended;
    is(exitCode, 143);
    const { ok: isOk, error } = JSON.parse(stdout);
    is(isOk, false);
    is(error.code, 'interrupted');
    ok(/^dcp: Interrupted\n/.test(stderr), stderr);
    equal(contentsOf(root), {});
  });

  test('what another machine may still be writing is left, with a warning', async () => {
    const root = scratch({ inMemory: true });
    const path = join(root, 'out.pth');
    const name = '.out.pth.dcp-tmp-elsewhere-0123abcd-77-88-0123abcd';
    writeFileSync(join(root, name), 'theirs');
    const args = convertArguments('dcp_to_torch', fixturePath('grid_shards'), path);
    const { warnings } = await succeeds(args);
    equal(
      (warnings as { kind: string }[]).map(({ kind }) => kind),
      ['leftover'],
    );
    equal(Object.keys(contentsOf(root)), [name, 'out.pth']);
    is(readFileSync(join(root, name), 'utf8'), 'theirs');
    const { exitCode, stderr } = await runDcp([...args, '--force']);
    is(exitCode, 0);
    ok(stderr.includes('process 77 on elsewhere'), stderr);
  });

  test('a dry run leaves what a killed one has left', async () => {
    const root = scratch({ inMemory: true });
    const path = join(root, 'out.pth');
    const args = convertArguments('dcp_to_torch', (await bigSource()).directory, path);
    const run = startCopying(args);
    run.process.kill('SIGKILL');
    await run.ended;
    const left = temporariesOf(path);
    ok(left.length >= 1);
    await convertHere([...args, '--dry-run']);
    equal(temporariesOf(path), left);
    await succeeds([...args, '--force']);
    equal(Object.keys(contentsOf(root)), ['out.pth']);
  });
});

interface Expected {
  before: Contents;
  after: Contents;
}

/** The name holds the old thing, nothing, or the new one whole; what belongs to others is as it was. */
function checkKilled(
  { exitCode, signal, stderr }: Ending,
  found: Contents,
  { before, after, root }: Expected & { root: string },
): void {
  ok(signal === 'SIGKILL' || exitCode === 0, stderr);
  for (const name of Object.keys(before).filter(path => path.endsWith('notes.txt')))
    is(found[name], before[name]);
  const index = Object.keys(after).find(name => name.endsWith('.metadata') || name.endsWith('.pth'))!;
  if (found[index] === undefined) return;
  const isOld = found[index] === before[index];
  equal(withoutForeign(found), withoutForeign(isOld ? before : after), root);
}

/** Between the new index and the removal of old files the directory may hold more than it will. */
function withoutForeign(contents: Contents): Contents {
  return Object.fromEntries(Object.entries(contents).filter(([name]) => !/__[1-9]_\d+\.distcp$/.test(name)));
}

/** Nothing was done, and that is said; or all was done before the signal came. */
function checkAsked(ending: Ending, exitCode: number, found: Contents, { before, after }: Expected): void {
  if (ending.exitCode === 0) {
    equal(found, after);
    return;
  }
  is(ending.exitCode, exitCode, ending.stderr);
  equal(found, before);
  ok(
    /^dcp: Interrupted\nhint: The destination is what it was before\.\n$/.test(ending.stderr),
    ending.stderr,
  );
}
