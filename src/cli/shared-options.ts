import { UsageError } from '../errors.js';
import type { DeviceChoice } from '../index.js';
import type { MeshTexts } from '../ops/sharding.js';
import { suggest } from '../ops/suggest.js';
import type { GivenArguments, OptionRow } from './command.js';

/** Options that mean the same in every command that has them. */

export const JSON_OPTION: OptionRow = {
  name: 'json',
  kind: 'flag',
  describe: 'Print one JSON document on stdout, on failure too',
};

/** @param does what it does with them only: `List only entries`. */
export function keysOption(does: string): OptionRow {
  return {
    name: 'keys',
    kind: 'values',
    valueName: 'GLOB',
    completes: 'fqn',
    describe: `${does} whose name matches: * is any text, ? one character. May be repeated`,
  };
}

/** @param does what the threads do: `copy`, `read`. */
export function workersOption(does: string): OptionRow {
  return {
    name: 'workers',
    kind: 'value',
    valueName: 'N',
    describe: `Threads that ${does}; 0 is the main thread alone. Default: what suits size and machine`,
  };
}

/** Of a command that makes something. */
export const QUIET_OPTION: OptionRow = {
  name: 'quiet',
  kind: 'flag',
  describe: 'Print nothing on success',
};

/** Of a command that checks something. */
export const QUIET_CHECK_OPTION: OptionRow = {
  ...QUIET_OPTION,
  describe: 'Print nothing: the exit code tells',
};

/** What the help calls a checkpoint. */
export const CHECKPOINT_HELP = 'a DCP directory, a torch.save file, or safetensors (file or directory)';

export const PROGRESS_CHOICES = ['auto', 'lines', 'json', 'none'] as const;
export type ProgressChoice = (typeof PROGRESS_CHOICES)[number];

export const PROGRESS_OPTION: OptionRow = {
  name: 'progress',
  kind: 'value',
  valueName: 'HOW',
  choices: PROGRESS_CHOICES,
  describe:
    'What stderr tells while it runs: auto (drawn in place on a terminal, else a line every 5 s), lines, json (an event a line) or none',
};

/** @throws UsageError where the value is none of them. */
export function progressOf(given: GivenArguments): ProgressChoice | undefined {
  const word = given.value('progress');
  return word === undefined ? undefined : choiceOf('progress', word, PROGRESS_CHOICES);
}

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

const DEVICES: readonly DeviceChoice[] = ['auto', 'cpu', 'tensorflow', 'webgpu'];

export const DEVICE_OPTION: OptionRow = {
  name: 'device',
  kind: 'value',
  valueName: 'DEVICE',
  choices: DEVICES,
  describe: 'auto, cpu, tensorflow or webgpu. Default: auto, which takes a GPU if there is one, else the CPU',
};

/** For commands whose work is reading: a GPU would have to wait for it. */
export const DEVICE_OF_COMPARISON_OPTION: OptionRow = {
  ...DEVICE_OPTION,
  describe:
    'Where tensors are compared: auto, cpu, tensorflow or webgpu. Default: cpu, which is as fast as reading',
};

/** @throws UsageError where the value names no device. */
export function deviceOf(given: GivenArguments, otherwise: DeviceChoice = 'auto'): DeviceChoice {
  return choiceOf('device', given.value('device') ?? otherwise, DEVICES);
}

/** The value of an option, if it is given. @throws UsageError as {@link choiceOf}. */
export function choiceIn<Word extends string>(
  given: GivenArguments,
  option: string,
  known: readonly Word[],
): Word | undefined {
  const word = given.value(option);
  return word === undefined ? undefined : choiceOf(option, word, known);
}

/** @throws UsageError where a word is none of those that the option knows. */
export function choiceOf<Word extends string>(option: string, word: string, known: readonly Word[]): Word {
  const found = known.find(name => name === word);
  if (found !== undefined) return found;
  const nearest = suggest(word, known);
  throw new UsageError(`--${option} does not know ${word === '' ? 'an empty word' : word}`, {
    expected: known.join(', '),
    ...(nearest === undefined ? {} : { hint: `Did you mean ${nearest}?` }),
  });
}

/** A rank's part of each tensor. */
export const SHARD_OPTIONS: readonly OptionRow[] = [
  {
    name: 'mesh',
    kind: 'value',
    valueName: 'MESH',
    describe: 'The ranks as a grid: 8, 2x4 or dp=2,tp=4',
  },
  {
    name: 'placements',
    kind: 'values',
    valueName: 'LIST',
    describe: "One for each dimension of --mesh: 'Shard(0),Replicate()'",
  },
];

/** @throws UsageError where one of --mesh and --placements is missing. */
export function layoutOf(given: GivenArguments): MeshTexts | undefined {
  const { value } = given;
  const [mesh, placements] = [value('mesh'), onlyValue(given, 'placements')];
  if (mesh === undefined && placements === undefined) return undefined;
  if (mesh === undefined || placements === undefined) {
    throw new UsageError(`--${mesh === undefined ? 'mesh' : 'placements'} is missing`, {
      hint: "Give both: --mesh 2x4 --placements 'Shard(0),Replicate()'.",
    });
  }
  return { mesh, placements };
}

/** The value of an option that other commands let one repeat. @throws UsageError where it is. */
export function onlyValue({ values }: GivenArguments, name: string): string | undefined {
  const all = values(name) ?? [];
  if (all.length > 1) throw new UsageError(`--${name} is given more than once`);
  return all[0];
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
