/** The built command line, run as a user runs it, and what a refusal must look like. */
import { type ChildProcessWithoutNullStreams, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ErrorCode } from '../../src/errors.js';
import { equal, is, match, ok } from '../suite.js';

export const BINARY = fileURLToPath(new URL('../../../bin/dcp.js', import.meta.url));

export interface Ending {
  exitCode: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunningDcp {
  process: ChildProcessWithoutNullStreams;
  ended: Promise<Ending>;
}

export function startDcp(args: readonly string[], options: SpawnOptions = {}): RunningDcp {
  const child = spawn(process.execPath, [BINARY, ...args], {
    ...options,
    stdio: 'pipe',
  }) as ChildProcessWithoutNullStreams;
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (texts[name] += text));
  }
  child.stdin.end();
  const ended = new Promise<Ending>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exitCode, signal) => resolve({ exitCode, signal, ...texts }));
  });
  return { process: child, ended };
}

export function runDcp(args: readonly string[], options: SpawnOptions = {}): Promise<Ending> {
  return startDcp(args, options).ended;
}

/** `dcp convert`, with the options last. */
export function convertArguments(
  mode: 'dcp_to_torch' | 'torch_to_dcp',
  source: string,
  destination: string,
  ...options: string[]
): string[] {
  return ['convert', mode, source, destination, ...options];
}

/** The error of a failed run, as `--json` prints it. */
export interface JsonError {
  code: ErrorCode | 'internal';
  message: string;
  expected: string | number | null;
  found: string | number | null;
  hint: string | null;
  path: string | null;
  fqn: string | null;
  entry: string | null;
  byte_offset: number | null;
}

/** What a refusal must say. A text must be equal, a pattern must match. */
export type Refusal = { code: ErrorCode } & {
  [Field in Exclude<keyof JsonError, 'code'>]?: RegExp | JsonError[Field];
};

/** Runs with `--json`: exit code 2, one document on stdout that says what `refusal` does, the same on stderr. */
export async function refuses(
  args: readonly string[],
  refusal: Refusal,
  options: SpawnOptions = {},
): Promise<JsonError> {
  return checkRefusal(await runDcp([...args, '--json'], options), refusal);
}

export function checkRefusal(ending: Ending, refusal: Refusal): JsonError {
  const { exitCode, stdout, stderr } = ending;
  is(exitCode, 2, `${stdout}${stderr}`);
  const document = JSON.parse(stdout) as { ok: boolean; error: JsonError };
  is(document.ok, false);
  const { error } = document;
  const where = JSON.stringify(error);
  for (const [field, wanted] of Object.entries(refusal)) {
    const found = error[field as keyof JsonError];
    if (!(wanted instanceof RegExp)) equal(found, wanted, `${field} of ${where}`);
    else ok(typeof found === 'string' && wanted.test(found), `${field} does not match ${wanted}: ${where}`);
  }
  match(stderr, /^dcp: /);
  is(stderr.includes('This is a bug'), false, stderr);
  is(stderr.split('\n').length - 1, error.hint === null ? 1 : 2, `lines on stderr: ${stderr}`);
  return error;
}

/** Runs with `--json`: exit code 0, and gives the one document on stdout. */
export async function succeeds(
  args: readonly string[],
  options: SpawnOptions = {},
): Promise<Record<string, unknown>> {
  const { exitCode, stdout, stderr } = await runDcp([...args, '--json'], options);
  is(exitCode, 0, `${stdout}${stderr}`);
  const document = JSON.parse(stdout) as Record<string, unknown>;
  is(document.ok, true);
  return document;
}

/** So many runs at a time keep two processors busy. */
const PARALLEL = 3;

/** Does `action` for every row, a few at a time. */
export async function inParallel<Row>(
  rows: Iterable<Row>,
  action: (row: Row) => Promise<unknown>,
): Promise<void> {
  const iterator = rows[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) await action(next.value);
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
}

/**
 * The body for a table of tests that wait for the program: the first one starts the work of all rows, a few at a
 * time, and each awaits its own.
 */
export function sideBySide<Row>(
  rows: readonly Row[],
  action: (row: Row) => Promise<unknown>,
): (row: Row) => Promise<void> {
  let work: Promise<void> | undefined;
  const failures = new Map<Row, unknown>();
  const attempt = async (row: Row): Promise<void> => {
    try {
      await action(row);
    } catch (error) {
      failures.set(row, error);
    }
  };
  return async row => {
    await (work ??= inParallel(rows, attempt));
    if (failures.has(row)) throw failures.get(row);
  };
}
