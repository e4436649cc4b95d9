import type { Command } from '../command.js';
import {
  JSON_OPTION,
  PROGRESS_OPTION,
  type ProgressChoice,
  progressOf,
  QUIET_CHECK_OPTION,
  requireNotStdin,
} from '../shared-options.js';

/** `dcp scan`, asked for. */
export interface ScanRequest {
  command: 'scan';
  path: string;
  allow: readonly string[];
  progress: ProgressChoice | undefined;
  quiet: boolean;
  json: boolean;
}

export const scanCommand: Command = {
  name: 'scan',
  summary: 'Name what loading it would import, and run',
  positionals: [{ name: 'path' }],
  options: [
    {
      name: 'allow',
      kind: 'values',
      valueName: 'GLOB',
      describe: 'Take names that match as known, such as my_model.*: your own classes. May be repeated',
    },
    PROGRESS_OPTION,
    QUIET_CHECK_OPTION,
    JSON_OPTION,
  ],
  intro: [
    'Look into every pickle of a file, or of all files of a directory, without',
    'executing any: what each names, what it calls, and where that is written. What',
    'cannot be followed, or could be read in two ways, is a finding too.',
  ],
  problems: 'something unknown or dangerous was found',
  positionalHelp: [['<path>', 'any file or directory: also what is no checkpoint']],
  examples: [
    ['Is it safe to load in Python?', 'dcp scan model.pth'],
    ['Everything that was downloaded', 'dcp scan ~/models/ --json'],
    ['A checkpoint with classes of your own', "dcp scan step-1000/ --allow 'my_project.config.*'"],
  ],
  prepare(given) {
    const { words, flag, values } = given;
    const [path = ''] = words;
    requireNotStdin(path);
    const request: ScanRequest = {
      command: 'scan',
      path,
      allow: values('allow') ?? [],
      progress: progressOf(given),
      quiet: flag('quiet'),
      json: flag('json'),
    };
    return {
      request,
      run: async (output, screens) => (await import('../scan.js')).runScan(request, output, screens),
    };
  },
};
