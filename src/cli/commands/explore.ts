import type { Command } from '../command.js';
import { CHECKPOINT_HELP, keysOption, requireNotStdin } from '../shared-options.js';

/** `dcp explore`, asked for. */
export interface ExploreRequest {
  command: 'explore';
  path: string;
  keys: readonly string[] | undefined;
}

export const exploreCommand: Command = {
  name: 'explore',
  summary: 'Look around in it with the keys',
  positionals: [{ name: 'path' }],
  options: [keysOption('Show only entries')],
  intro: [
    'Look around in a checkpoint of any kind: a tree of its names, and beside it',
    'how each tensor is cut, which rank and file hold which part, its numbers and',
    'their statistics. Only indexes are read, and what is looked at. It needs a',
    'terminal; the key ? shows all keys.',
  ],
  positionalHelp: [['<path>', CHECKPOINT_HELP]],
  examples: [
    ['What is in it, and where it lies', 'dcp explore step-1000/'],
    ['Only what the optimizer keeps', "dcp explore step-1000/ --keys 'optim.*'"],
    ['An index copied from a cluster; its data need not be at hand', 'dcp explore .metadata'],
  ],
  prepare({ words, values }) {
    const [path = ''] = words;
    requireNotStdin(path);
    const request: ExploreRequest = { command: 'explore', path, keys: values('keys') };
    return {
      request,
      run: async (_, screens) => (await import('../explore.js')).runExplore(request, screens),
    };
  },
};
