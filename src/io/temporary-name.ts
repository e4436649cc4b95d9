/**
 * Names of temporary files and directories. They tell a later run whose they are and whether that run is
 * still alive, with nothing written inside:
 *
 *     .NAME.dcp-tmp-HOST-SESSION-PID-START-RANDOM    beside the destination NAME
 *     .dcp-tmp-HOST-SESSION-PID-START-RANDOM         inside the destination
 *
 * | Part    | What it is                                                                                |
 * | ------- | ----------------------------------------------------------------------------------------- |
 * | NAME    | the destination's name; long ones are cut and end in `~` and a hash                       |
 * | HOST    | for people: which machine                                                                 |
 * | SESSION | hash of host name, boot and process-id namespace: where equal, PID can be looked up here; |
 * |         | `0` where the system does not tell                                                        |
 * | PID     | process id                                                                                |
 * | START   | start time of the process in clock ticks since boot, so that a reused id is seen; or `0`  |
 * | RANDOM  | 8 hexadecimal digits                                                                      |
 *
 * `.journal` behind the name of a file: what has been done of it (`journal-file.ts`).
 *
 * A host name alone would not do: containers share host names and count process ids from 1.
 */
import { createHash, randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { errorCode, fileCalls } from './file-calls.js';

/** Bytes of NAME that are kept: with the rest it stays below the shortest limit of names in use (eCryptfs, 143). */
const MAX_NAME_BYTE_LENGTH = 52;
const CUT_NAME_BYTE_LENGTH = 42;
const PATTERN =
  /^\.(?:(.+)\.)?dcp-tmp-([A-Za-z0-9_.]+)-([0-9a-f]{8}|0)-(\d{1,10})-(\d{1,20})-[0-9a-f]{8}(\.journal)?$/s;
export const JOURNAL_SUFFIX = '.journal';

export interface TemporaryOwner {
  host: string;
  session: string;
  pid: number;
  startTime: string;
  /** This process made it, and has given it up: see {@link abandonTemporary}. */
  isAbandoned?: true;
}

export interface ParsedTemporaryName {
  /** Of one that stands beside its destination. */
  stem?: string;
  owner: TemporaryOwner;
  /** It is the journal of the temporary called so without the suffix. */
  isJournal?: true;
}

/** `dead` is a proof; `unknown`: made on another machine, in another container, or before a restart. */
export type OwnerState = 'live' | 'dead' | 'unknown';

/** A new name for this process. With `destinationName`: to stand beside it; without: to stand inside. */
export function temporaryName(destinationName?: string): string {
  const stem = destinationName === undefined ? '' : `${temporaryStem(destinationName)}.`;
  const { host, session, pid, startTime } = thisProcess();
  return `.${stem}dcp-tmp-${host}-${session}-${pid}-${startTime}-${randomBytes(4).toString('hex')}`;
}

const abandoned = new Set<string>();

/**
 * Tells later runs of this thread that nobody works at a temporary any more, though the process that made it lives:
 * one that could not be removed, or that is kept to be finished later.
 */
export function abandonTemporary(path: string): void {
  abandoned.add(basename(path));
}

/** `undefined` where the name is not one of ours. */
export function parseTemporaryName(name: string): ParsedTemporaryName | undefined {
  const match = PATTERN.exec(name);
  if (match === null) return undefined;
  const [, stem, host = '', session = '', pid = '', startTime = '', suffix] = match;
  const owner: TemporaryOwner = { host, session, pid: Number(pid), startTime };
  if (abandoned.has(suffix === undefined ? name : name.slice(0, -suffix.length))) owner.isAbandoned = true;
  return {
    ...(stem === undefined ? {} : { stem }),
    owner,
    ...(suffix === undefined ? {} : { isJournal: true }),
  };
}

/** The part of a temporary's name that stands for the destination's. */
export function temporaryStem(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME_BYTE_LENGTH) return name;
  let cut = '';
  for (const character of name) {
    if (Buffer.byteLength(cut + character) > CUT_NAME_BYTE_LENGTH) break;
    cut += character;
  }
  return `${cut}~${shortHash(name)}`;
}

/** Whether the process that made a temporary still runs. */
export function ownerState(owner: TemporaryOwner): OwnerState {
  if (owner.isAbandoned === true) return 'dead';
  if (owner.session === '0' || owner.session !== thisProcess().session) return 'unknown';
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it runs, as another user.
    if (errorCode(error) === 'ESRCH') return 'dead';
  }
  const startTime = readStartTime(owner.pid);
  if (owner.startTime === '0' || startTime === undefined) return 'live';
  return startTime === owner.startTime ? 'live' : 'dead';
}

let known: TemporaryOwner | undefined;

function thisProcess(): TemporaryOwner {
  known ??= {
    host:
      hostname()
        .slice(0, 24)
        .replace(/[^A-Za-z0-9_.]/g, '_') || '_',
    session: session(),
    pid: process.pid,
    startTime: readStartTime(process.pid) ?? '0',
  };
  return known;
}

function session(): string {
  if (process.platform !== 'linux') return shortHash(hostname());
  try {
    const boot = fileCalls.readText('/proc/sys/kernel/random/boot_id').trim();
    return shortHash([hostname(), boot, fileCalls.readlink('/proc/self/ns/pid')].join('\n'));
  } catch {
    return '0';
  }
}

/** Field 22 of /proc/PID/stat (proc(5)). The second field, in parentheses, may hold anything. */
function readStartTime(pid: number): string | undefined {
  try {
    const text = fileCalls.readText(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
