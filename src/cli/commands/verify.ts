import { UsageError } from '../../errors.js';
import type { FindingRule } from '../../index.js';
import { FINDING_RULES } from '../../ops/verify/finding.js';
import type { Command, GivenArguments } from '../command.js';
import {
  CHECKPOINT_HELP,
  choiceOf,
  JSON_OPTION,
  PROGRESS_OPTION,
  type ProgressChoice,
  progressOf,
  QUIET_CHECK_OPTION,
  requireNotStdin,
  workersOf,
  workersOption,
} from '../shared-options.js';

/** `dcp verify`, asked for. */
export interface VerifyRequest {
  command: 'verify';
  path: string;
  crc: boolean;
  replicas: boolean;
  sha256: 'check' | 'write' | undefined;
  force: boolean;
  against: string | undefined;
  ignore: readonly FindingRule[];
  workers: number | undefined;
  progress: ProgressChoice | undefined;
  quiet: boolean;
  json: boolean;
}

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'Find missing files and damaged bytes',
  positionals: [{ name: 'path' }],
  options: [
    {
      name: 'crc',
      kind: 'flag',
      describe: 'Read all data, and compare every CRC-32 that is stored with them',
    },
    {
      name: 'replicas',
      kind: 'flag',
      describe: 'Compare copies of one part of a tensor, that several ranks saved, byte by byte',
    },
    {
      name: 'sha256',
      kind: 'flag',
      describe: 'Compare all files with integrity.json, the SHA-256 of each',
    },
    {
      name: 'write',
      kind: 'flag',
      describe: 'With --sha256: write integrity.json, if nothing is found. Makes no other change',
    },
    { name: 'force', kind: 'flag', describe: 'With --write: replace an integrity.json that is there' },
    {
      name: 'against',
      kind: 'value',
      valueName: 'PATH',
      describe: 'Compare it with another checkpoint, of any format and sharding, bit by bit',
    },
    {
      name: 'ignore',
      kind: 'values',
      valueName: 'RULE',
      describe: 'Leave findings of a rule out, such as orphan_file. May be repeated',
    },
    workersOption('read'),
    PROGRESS_OPTION,
    QUIET_CHECK_OPTION,
    JSON_OPTION,
  ],
  intro: [
    'Check a checkpoint: all files there, of all ranks; all sizes; every tensor',
    'covered by its parts; every archive consistent. With --crc all data too. All',
    'findings are listed, each with its rule, and how many bytes are proved.',
  ],
  problems: 'something is wrong',
  positionalHelp: [['<path>', CHECKPOINT_HELP]],
  examples: [
    ['Is it whole? Reads indexes and headers only', 'dcp verify step-1000/'],
    ['Is a byte damaged? Reads all', 'dcp verify step-1000/ --crc'],
    ['Write down what it is now, and check that later', 'dcp verify step-1000/ --crc --sha256 --write'],
    ['Is it still the same?', 'dcp verify step-1000/ --sha256'],
    ['Did the copy arrive?', 'dcp verify /mnt/copy/step-1000/ --against step-1000/'],
  ],
  prepare(given) {
    const request = verifyRequest(given);
    return {
      request,
      run: async (output, screens) => (await import('../verify.js')).runVerify(request, output, screens),
    };
  },
};

function verifyRequest(given: GivenArguments): VerifyRequest {
  const { words, flag, value, values } = given;
  const [path = ''] = words;
  requireNotStdin(path);
  if (flag('write') && !flag('sha256')) {
    throw new UsageError('--write says that --sha256 is to be written, which is not given', {
      hint: 'Give both: --sha256 --write.',
    });
  }
  if (flag('force') && !flag('write')) {
    throw new UsageError('--force replaces what --write writes, which is not given');
  }
  return {
    command: 'verify',
    path,
    crc: flag('crc'),
    replicas: flag('replicas'),
    sha256: flag('sha256') ? (flag('write') ? 'write' : 'check') : undefined,
    force: flag('force'),
    against: value('against'),
    ignore: (values('ignore') ?? []).map(word => choiceOf('ignore', word, FINDING_RULES)),
    workers: workersOf(given),
    progress: progressOf(given),
    quiet: flag('quiet'),
    json: flag('json'),
  };
}
