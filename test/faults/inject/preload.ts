/**
 * Loaded before the program (`node --import`), in its process and in each of its threads: puts itself between the
 * program and `node:fs`, and makes the n-th call fail, counted over all threads. The program knows nothing of it.
 * Calls that load the program itself are not counted.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import {
  ARM_VARIABLE,
  ARMED,
  COUNT,
  HITS,
  MODE,
  MODES,
  type Operation,
  REPORT_VARIABLE,
  SHARED_KEY,
  SPOOLS,
  TARGET,
  THREAD_HITS,
  WORDS,
} from './modes.js';

const words = shared();
/** Files of the program and of Node, by their descriptors. */
const ownDescriptors = new Set<number>();
const PROGRAM = /\/(dist|node_modules|bin)\/|\.(js|mjs|cjs|node|wasm)$|package\.json$/;

const IN_SPOOL = /\/\.spool\.dcp-tmp-/;

function shared(): Int32Array {
  if (!isMainThread) return new Int32Array(getEnvironmentData(SHARED_KEY) as SharedArrayBuffer);
  const memory = new SharedArrayBuffer(WORDS * 4);
  setEnvironmentData(SHARED_KEY, memory);
  return new Int32Array(memory);
}

/** What happens to this call, which is counted if the armed mode concerns it. */
function effectOn(operation: Operation): string | undefined {
  if (words[ARMED] === 0) return undefined;
  const mode = MODES[words[MODE]!]!;
  if (mode.operations !== undefined && !mode.operations.includes(operation)) return undefined;
  const n = Atomics.add(words, COUNT, 1);
  if (mode.stays ? n < words[TARGET]! : n !== words[TARGET]!) return undefined;
  Atomics.add(words, HITS, 1);
  if (!isMainThread) Atomics.add(words, THREAD_HITS, 1);
  return mode.effect;
}

function systemError(code: string, operation: Operation, path: unknown): NodeJS.ErrnoException {
  const shown = typeof path === 'string' ? ` '${path}'` : '';
  return Object.assign(new Error(`${code}: made by the test, ${operation}${shown}`), {
    code,
    syscall: operation,
  });
}

const isOwn = (first: unknown): boolean =>
  typeof first === 'number' ? ownDescriptors.has(first) : PROGRAM.test(String(first));

type Call = (...args: unknown[]) => unknown;
const calls = fs as unknown as Record<string, Call>;

function intercept(name: string, operation: Operation): void {
  const original = calls[name]!;
  const changed: Call = (...args) => {
    const own = isOwn(args[0]);
    if (operation === 'open' && IN_SPOOL.test(String(args[0]))) Atomics.add(words, SPOOLS, 1);
    const effect = own ? undefined : effectOn(operation);
    if (effect !== undefined && effect !== 'part') {
      // A descriptor is let go of whatever close(2) says.
      if (operation === 'close') original(...args);
      throw systemError(effect, operation, args[0]);
    }
    if (effect === 'part' && typeof args[3] === 'number' && args[3] > 1) args[3] = Math.ceil(args[3] / 2);
    const result = original(...args);
    if (operation === 'open' && own) ownDescriptors.add(result as number);
    if (operation === 'close') ownDescriptors.delete(args[0] as number);
    return result;
  };
  calls[name] = Object.assign(changed, original);
}

/** Calls that end with a callback fail by it. */
function interceptAsync(name: string, operation: Operation): void {
  const original = calls[name]!;
  calls[name] = (...args) => {
    const effect = isOwn(args[0]) ? undefined : effectOn(operation);
    if (effect === undefined || effect === 'part') return original(...args);
    const callback = args.at(-1) as (error: Error) => void;
    return setImmediate(() => callback(systemError(effect, operation, args[0])));
  };
}

const SYNCHRONOUS: readonly Operation[] = [
  'open',
  'close',
  'read',
  'write',
  'ftruncate',
  'fsync',
  'fstat',
  'stat',
  'lstat',
  'statfs',
  'readlink',
  'readdir',
  'link',
  'rename',
  'unlink',
  'mkdir',
  'rmdir',
];
for (const operation of SYNCHRONOUS) intercept(`${operation}Sync`, operation);
interceptAsync('fsync', 'fsync');
interceptAsync('read', 'read');
const native = fs.realpathSync.native as unknown as Call;
fs.realpathSync.native = ((...args: unknown[]) => {
  const effect = isOwn(args[0]) ? undefined : effectOn('realpath');
  if (effect !== undefined) throw systemError(effect, 'realpath', args[0]);
  return native(...args);
}) as unknown as typeof fs.realpathSync.native;
syncBuiltinESMExports();

const given = process.env[ARM_VARIABLE];
if (isMainThread && given !== undefined) {
  const [mode = 0, target = 0] = given.split(':').map(Number);
  words[MODE] = mode;
  words[TARGET] = target;
  words[ARMED] = 1;
  const report = process.env[REPORT_VARIABLE];
  process.on('exit', () => {
    words[ARMED] = 0;
    if (report !== undefined) fs.writeFileSync(report, String(words[HITS]));
  });
}
