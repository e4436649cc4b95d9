/** The hostile files are what they are called: loaded by Python, their payloads run, or what is said of them happens. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HOSTILE_CONTAINERS } from '../hostile/containers.js';
import { HOSTILE_PICKLES } from '../hostile/pickles.js';
import { scratch } from '../io/scratch.js';
import { is, suite } from '../suite.js';
import { python } from './judge.js';

const SCRIPT = fileURLToPath(new URL('../../../test/interop/hostile.py', import.meta.url));
const FILES = [...HOSTILE_PICKLES, ...HOSTILE_CONTAINERS].filter(({ loader }) => loader !== 'none');

let answers: { executed: boolean; error: string | null }[] | undefined;

/** All in one run of Python: importing torch takes seconds. */
function answersOfPython(): NonNullable<typeof answers> {
  const jobs = FILES.map(({ file, make, loader }) => {
    const path = join(scratch(), file);
    writeFileSync(path, make());
    return { path, loader };
  });
  const { stdout, stderr } = spawnSync(python(), [SCRIPT], { input: JSON.stringify(jobs), encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

suite('interop: hostile files', ({ each }) => {
  each(
    FILES,
    ({ name, executes }) => `${name}: Python ${executes ? 'executes it' : 'does not'}`,
    ({ name, executes }) => {
      answers ??= answersOfPython();
      const { executed, error } = answers[FILES.findIndex(file => file.name === name)]!;
      is(executed, executes, error ?? 'it was loaded without an error');
    },
  );
});
