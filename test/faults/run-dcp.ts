/** The built command line, run as a user runs it, and what a refusal must look like. */
import { type ChildProcessWithoutNullStreams, type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { failureDocument } from '../../src/cli/json-document.js';
import { DcpError, type ErrorCode } from '../../src/errors.js';
import { type ConvertResult, dcpToTorchSave, torchSaveToDcp } from '../../src/index.js';
import { equal, fail, is, match, ok } from '../suite.js';
import { noteLimit, noteLimitMessage } from '../tripped-limits.js';

export const BINARY = fileURLToPath(new URL('../../../bin/dcp.js', import.meta.url));

/** No run takes so long, in milliseconds, on a machine that does other things too. */
const TIMEOUT = 60_000;

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
    timeout: TIMEOUT,
    killSignal: 'SIGKILL',
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
  checkFields(error, refusal);
  match(stderr, /^dcp: /);
  is(stderr.includes('This is a bug'), false, stderr);
  is(stderr.split('\n').length - 1, error.hint === null ? 1 : 2, `lines on stderr: ${stderr}`);
  return error;
}

function checkFields(error: JsonError, refusal: Refusal): void {
  noteLimitMessage(error.code, error.message);
  const where = JSON.stringify(error);
  for (const [field, wanted] of Object.entries(refusal)) {
    const found = error[field as keyof JsonError];
    if (!(wanted instanceof RegExp)) equal(found, wanted, `${field} of ${where}`);
    else ok(typeof found === 'string' && wanted.test(found), `${field} does not match ${wanted}: ${where}`);
  }
}

/** As {@link refuses} for a conversion, in this process: for tables too long to start the program for each row. */
export async function refusesHere(args: readonly string[], refusal: Refusal): Promise<JsonError> {
  try {
    await convertHere(args);
  } catch (error) {
    ok(error instanceof DcpError, error instanceof Error ? error.stack : String(error));
    noteLimit(error);
    const document = JSON.parse(failureDocument('convert', error)) as { error: JsonError };
    checkFields(document.error, refusal);
    return document.error;
  }
  return fail(`it was converted: ${args.join(' ')}`);
}

/** The conversion that the arguments ask for, in this process. */
export function convertHere(args: readonly string[]): Promise<ConvertResult> {
  const [, mode, source = '', destination = '', ...options] = args;
  const known = ['--force', '--strict', '--no-crc', '--skip-existing', '--dry-run'];
  const unknown = options.find(option => !known.includes(option));
  if (unknown !== undefined) throw new Error(`${unknown} is not taken here`);
  const [force, strict, noCrc, skipExisting, dryRun] = known.map(option => options.includes(option));
  const convert = mode === 'dcp_to_torch' ? dcpToTorchSave : torchSaveToDcp;
  return convert(source, destination, {
    force: force!,
    strict: strict!,
    crc: !noCrc,
    skipExisting: skipExisting!,
    dryRun: dryRun!,
    sync: false,
  });
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
