import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { scratch } from '../io/scratch.js';
import { equal, is, match, ok, suite } from '../suite.js';
import { dcp, documentOf, type Failure, start, TIED } from './run-dcp.js';
import { writeTorchFile } from './torch-file.js';

/** A conversion that takes long enough to be ended in the middle. */
function startLong(directory: string, ...options: string[]) {
  const source = join(directory, 'big.pth');
  const destination = join(directory, 'out');
  if (!existsSync(source)) writeTorchFile(source, 'w', 256 << 20);
  const run = start(['convert', 'torch_to_dcp', source, destination, ...options]);
  const copying = async (): Promise<void> => {
    while (run.child.exitCode === null) {
      const temporary = readdirSync(directory).find(name => name.startsWith('.out.dcp-tmp-'));
      if (temporary !== undefined && readdirSync(join(directory, temporary)).length >= 2) return;
      await setTimeout(2);
    }
    throw new Error(`the conversion was over too soon: ${(await run.ended).stderr}`);
  };
  return { ...run, copying };
}

suite('dcp ended from outside', ({ each, test }) => {
  const directory = scratch();

  each(
    [
      { signal: 'SIGINT', workers: '2', code: 130 },
      { signal: 'SIGINT', workers: '0', code: 130 },
      { signal: 'SIGTERM', workers: '2', code: 143 },
      { signal: 'SIGHUP', workers: '2', code: 129 },
    ] as const,
    ({ signal, workers }) => `${signal} in the middle of a copy with ${workers} workers`,
    async ({ signal, workers, code }) => {
      const { child, ended, copying } = startLong(directory, '--json', '--workers', workers);
      await copying();
      child.kill(signal);
      const ending = await ended;
      is(ending.code, code, ending.stderr);
      match(ending.stderr, /^dcp: Interrupted\nhint: The destination is what it was before\.\n$/);
      is(documentOf<Failure>(ending).error.code, 'interrupted');
      equal(readdirSync(directory), ['big.pth']);
    },
  );

  test('killed: the temporary stays, and the next run removes it', async () => {
    const { child, ended, copying } = startLong(directory);
    await copying();
    child.kill('SIGKILL');
    is((await ended).code, null);
    is(readdirSync(directory).length, 2);
    const destination = join(directory, 'out');
    const next = await dcp(['convert', 'torch_to_dcp', TIED, destination]);
    is(next.code, 0, next.stderr);
    equal(readdirSync(directory).sort(), ['big.pth', 'out']);
  });

  test('two signals end it at once', async () => {
    const inner = join(directory, 'two');
    mkdirSync(inner);
    const { child, ended, copying } = startLong(inner);
    await copying();
    child.kill('SIGINT');
    child.kill('SIGTERM');
    const { code } = await ended;
    ok(code === 130 || code === 143, `${code}`);
    ok(!existsSync(join(inner, 'out')));
  });

  test('a run that lives is not disturbed', async () => {
    const inner = join(directory, 'live');
    mkdirSync(inner);
    const { child, ended, copying } = startLong(inner);
    await copying();
    child.kill('SIGSTOP');
    const other = await dcp(['convert', 'torch_to_dcp', TIED, join(inner, 'out')]);
    child.kill('SIGCONT');
    child.kill('SIGINT');
    is(other.code, 2);
    match(other.stderr, /^dcp: Another conversion is making this output .*process \d+/);
    is((await ended).code, 130);
  });
});
