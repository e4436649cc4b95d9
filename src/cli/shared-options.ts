import { UsageError } from '../errors.js';
import type { GivenArguments, OptionRow } from './command.js';

/** Options that mean the same in every command that has them. */

export const JSON_OPTION: OptionRow = {
  name: 'json',
  kind: 'flag',
  describe: 'Print one JSON document on stdout, on failure too',
};

export const KEYS_OPTION: OptionRow = {
  name: 'keys',
  kind: 'values',
  valueName: 'GLOB',
  describe: 'List only entries whose name matches: * is any text, ? one character. May be repeated',
};

export const WORKERS_OPTION: OptionRow = {
  name: 'workers',
  kind: 'value',
  valueName: 'N',
  describe: 'Threads that copy; 0 copies on the main thread. Default: what suits size and machine',
};

export const READS_IN_FLIGHT_OPTION: OptionRow = {
  name: 'reads-in-flight',
  kind: 'value',
  valueName: 'N',
  describe: 'Reads under way at a time, for storage that takes long to answer. Default: one a thread',
};

const MAX_READS_IN_FLIGHT = 64;

/** @throws UsageError where the value is no number of reads. */
export function readsInFlightOf(given: GivenArguments): number | undefined {
  return wholeNumber(given, 'reads-in-flight', {
    least: 1,
    most: MAX_READS_IN_FLIGHT,
    what: 'a number of reads',
  });
}

export const MAX_WORKERS = 256;

/** @throws UsageError where the value is no number of threads. */
export function workersOf(given: GivenArguments): number | undefined {
  return wholeNumber(given, 'workers', { most: MAX_WORKERS, what: 'a number of threads' });
}

/** @throws UsageError where the value of the option is no whole number from `least` (0 unless told) to `most`. */
export function wholeNumber(
  given: GivenArguments,
  name: string,
  { least = 0, most, what }: { least?: number; most: number; what: string },
): number | undefined {
  const text = given.value(name);
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new UsageError(`--${name} is not ${what}`, {
    expected: `a whole number from ${least} to ${most}`,
    found: text === '' ? 'nothing' : text,
  });
}

/** As a destination: standard output. */
export const STDOUT = '-';

/** @throws UsageError: a checkpoint is read at many places at a time. */
export function requireNotStdin(path: string): void {
  if (path !== STDOUT) return;
  throw new UsageError('Standard input cannot be the source', {
    expected: 'a path',
    hint: 'A checkpoint is read at many places at a time, which a pipe cannot do.',
  });
}
