import type { Command } from '../command.js';
import { SHELLS, type Shell } from '../completion-scripts.js';
import { choiceOf } from '../shared-options.js';

/** `dcp completion`, asked for. */
export interface CompletionRequest {
  command: 'completion';
  shell: Shell;
  /** Those behind the program's name, up to the one under the cursor; undefined where the script is asked for. */
  words: readonly string[] | undefined;
}

export const completionCommand: Command = {
  name: 'completion',
  summary: 'Make bash or zsh complete dcp',
  positionals: [
    { name: 'shell', choices: SHELLS },
    { name: 'word', kind: 'any' },
  ],
  options: [],
  intro: [
    'Print a script that makes a shell complete commands, options, modes, paths, and',
    'the names of the entries of the checkpoint that stands in the line.',
  ],
  positionalHelp: [
    ['<shell>', 'bash or zsh'],
    [
      '<word>',
      'what the script asks: the words of a command line, behind --, the last one being that under the cursor',
    ],
  ],
  examples: [
    [
      'For bash, with the package bash-completion',
      'dcp completion bash > ~/.local/share/bash-completion/completions/dcp',
    ],
    ['For zsh, into a directory of $fpath', 'dcp completion zsh > ~/.zfunc/_dcp'],
    ['What can follow in a line', 'dcp completion bash -- convert dcp_'],
  ],
  prepare({ words: [shell = '', ...words] }) {
    const request: CompletionRequest = {
      command: 'completion',
      shell: choiceOf('shell', shell, SHELLS),
      words: words.length === 0 ? undefined : words,
    };
    return {
      request,
      run: async output => (await import('../completion.js')).runCompletion(request, output),
    };
  },
};
