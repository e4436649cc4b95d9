/** What every benchmark does: runs a command and takes its time and memory, takes medians, names the machine. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The built command line, and the Python that has torch unless told otherwise. */
export const DCP = join(root, 'bin/dcp.js');
export const DEFAULT_PYTHON = join(root, '.venv/bin/python');

export interface Sample {
  seconds: number;
  /** Of all threads, in the program and in the system. NaN where it cannot be told, as the next. */
  cpuSeconds: number;
  /** Peak resident set. */
  rssMiB: number;
}

/** Does what `/usr/bin/time` does, where that is not installed. */
const TIME_IN_PYTHON = `
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print("took", used.ru_utime, used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(code)
`;

function timer(): readonly string[] {
  if (existsSync('/usr/bin/time')) return ['/usr/bin/time', '-f', 'took %U %S %M'];
  const python = [DEFAULT_PYTHON, 'python3'].find(name => spawnSync(name, ['--version']).status === 0);
  return python === undefined ? [] : [python, '-c', TIME_IN_PYTHON];
}
const TIMER = timer();

/**
 * What is not of the programs that are measured: to read a file of certificates takes each Node.js 45 ms, before it
 * does anything else.
 */
export const { NODE_EXTRA_CA_CERTS: _, ...ENVIRONMENT } = process.env;

/** Runs a command, then brings the files at `syncPath` to the device; both count. */
export function timed(command: string, args: readonly string[], syncPath?: string): Sample {
  const [program, ...programArgs] = [...TIMER, command, ...args];
  const start = performance.now();
  const { status, stderr } = spawnSync(program!, programArgs, {
    encoding: 'utf8',
    env: ENVIRONMENT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr}`);
  if (syncPath !== undefined) for (const name of filesOf(syncPath)) syncFile(name);
  const seconds = (performance.now() - start) / 1000;
  const [, user, system, kib] = /took ([\d.]+) ([\d.]+) (\d+)/.exec(stderr) ?? [];
  return { seconds, cpuSeconds: Number(user) + Number(system), rssMiB: Number(kib) / 1024 };
}

/** Waits until the device has what earlier runs have written: no run shall be slower for what ran before it. */
export function settle(): void {
  spawnSync('sync');
}

/** The files of a directory, or the file itself. */
export function filesOf(path: string): string[] {
  return existsSync(join(path, '.metadata')) ? readdirSync(path).map(name => join(path, name)) : [path];
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r+');
  fsyncSync(fd);
  closeSync(fd);
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Processor, cores, memory, Node and date, for a line above a table. */
export function machineText(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 10);
  return `${cpus()[0]?.model ?? 'unknown'}, ${availableParallelism()} cores, ${memory} GiB, Node ${process.version}, ${date}`;
}
