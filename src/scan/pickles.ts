import { setImmediate } from 'node:timers/promises';
import { InterruptedError } from '../errors.js';
import type { PickleBytes } from '../pickle/opcode-reader.js';
import { type GlobalMention, type PickleTrace, traceInTurns } from '../pickle/trace.js';
import { isLegacyTorch } from '../torch/magic.js';
import type { ScanTools } from './archives.js';
import { pickleBytesOf, type Region, readNow } from './region.js';

/** Pickles in the container from before torch 1.6; the bytes of storages follow. */
const LEGACY_PICKLES = 5;
/** So many pickles one behind the other are followed. */
const MAX_PICKLES = 100_000;
const PROTO = 0x80;
const MAX_PROTOCOL = 5;

/** Whether bytes say that they are a pickle of protocol 2 or newer. */
export function isDeclaredPickle(head: Uint8Array): boolean {
  return head[0] === PROTO && head[1] !== undefined && head[1] <= MAX_PROTOCOL;
}

/**
 * Follows the pickles that begin at the start of a region, one behind the other. Returns how many there are; 0 for what
 * is something else.
 *
 * A pickle need not say that it is one: such of protocols 0 and 1 count where they reach their end, or do something,
 * and name what could be a module.
 *
 * @param isExpected by its name it is a pickle: where it cannot be followed, that is a finding.
 * @param isOther it is known to be something else, whose first bytes may look like anything.
 */
export async function scanPickles(
  region: Region,
  { collector, signal }: Pick<ScanTools, 'collector' | 'signal'>,
  isExpected: boolean,
  isOther = false,
): Promise<number> {
  const { source } = region;
  const isLegacy = isLegacyTorch(readNow(source, 0, 512));
  const bytes = pickleBytesOf(source);
  let at = 0;
  let count = 0;
  while (at < source.byteLength && count < (isLegacy ? LEGACY_PICKLES : MAX_PICKLES)) {
    const isDeclared = isDeclaredPickle(readNow(source, at, 2));
    const trace = await traced(bytes, at, signal);
    const isCertain = count === 0 ? isExpected || (isDeclared && !isOther) : isLegacy;
    if (!isCertain && !looksLikePickle(trace, isDeclared)) break;
    if (collector.isNew(region, at)) collector.addTrace(region, at, trace, trace.end !== undefined);
    count++;
    if (trace.end === undefined) break;
    at = trace.end;
  }
  return count;
}

/** Reading waits for nothing: signals get their turn in between. */
async function traced(
  bytes: PickleBytes,
  start: number,
  signal: AbortSignal | undefined,
): Promise<PickleTrace> {
  const turns = traceInTurns(bytes, start);
  for (;;) {
    const turn = turns.next();
    if (turn.done === true) return turn.value;
    await setImmediate();
    if (signal?.aborted === true) throw new InterruptedError('The scan was interrupted');
  }
}

function looksLikePickle({ mentions, oddities, end, acts }: PickleTrace, isDeclared: boolean): boolean {
  if (isDeclared && end !== undefined) return true;
  if (mentions.length === 0) return oddities.length > 0 && end !== undefined;
  // What cannot be imported ends the unpickler there: if it is the first, this is some text.
  const [first] = mentions;
  return (end !== undefined || acts) && couldBeImported(first!);
}

function couldBeImported({ module, name }: GlobalMention): boolean {
  const isName = (text: string): boolean => /^[\p{L}\p{N}_.]+$/u.test(text);
  return isName(module) && isName(name);
}
