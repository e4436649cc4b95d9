/** The real program, as a shell starts it. */
import { type SpawnOptions, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { fixturePath } from '../fixtures.js';
import { is } from '../suite.js';

export const BIN = fileURLToPath(new URL('../../../bin/dcp.js', import.meta.url));

export interface Ending {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What the tests' own environment says of terminals must not matter. */
const { CI: _ci, NO_COLOR: _noColor, FORCE_COLOR: _forceColor, DCP_DEBUG: _debug, ...ENV } = process.env;

export function start(args: readonly string[], options: SpawnOptions = {}) {
  const child = spawn(process.execPath, [BIN, ...args], { ...options, env: { ...ENV, ...options.env } });
  const ending: Ending = { code: null, stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', text => (ending.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', text => (ending.stderr += text));
  const ended = new Promise<Ending>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ ...ending, code }));
  });
  return { child, ended };
}

export function dcp(args: readonly string[], options: SpawnOptions = {}): Promise<Ending> {
  return start(args, options).ended;
}

/** A line for `bash -c`, in which `$DCP` is the program. */
export function shell(line: string, env: Record<string, string> = {}): Promise<Ending> {
  const child = spawn('bash', ['-c', line], { env: { ...ENV, ...env, DCP: `${process.execPath} ${BIN}` } });
  const ending: Ending = { code: null, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', text => (ending.stdout += text));
  child.stderr.setEncoding('utf8').on('data', text => (ending.stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => resolve({ ...ending, code }));
  });
}

/** The one document on stdout: one line, and nothing else. */
export function documentOf<Document = Record<string, unknown>>({ stdout }: Ending): Document {
  is(stdout.match(/\n/g)?.length, 1, stdout);
  return JSON.parse(stdout) as Document;
}

export interface Failure {
  ok: false;
  error: Record<string, unknown>;
}

export const FSDP2 = fixturePath('fsdp2_adam');
export const TIED = fixturePath('tied');
