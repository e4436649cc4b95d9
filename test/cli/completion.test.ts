import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SCRIPTS, SHELLS } from '../../src/cli/completion-scripts.js';
import { fixturePath } from '../fixtures.js';
import { scratch } from '../io/scratch.js';
import { equal, is, suite } from '../suite.js';
import { dcp } from './run-dcp.js';

const bin = fileURLToPath(new URL('../../../bin/dcp.js', import.meta.url));

/** A directory with a program `dcp` in `bin`, a checkpoint and a file, in which shells are run. */
function stage(): string {
  const directory = scratch();
  mkdirSync(join(directory, 'bin'));
  symlinkSync(bin, join(directory, 'bin/dcp'));
  symlinkSync(fixturePath('fsdp2_adam'), join(directory, 'ckpt'));
  writeFileSync(join(directory, 'my model.pth'), '');
  return directory;
}

const BASH = `
compopt() { echo "compopt $*"; }
source <(dcp completion bash)
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dcp
printf '%s\\n' "\${COMPREPLY[@]}"
`;

/** The functions of zsh's completion that the script calls tell what they were given. */
const ZSH = `
compdef() { : }
compadd() { print -r -- "compadd $*" }
_files() { print files }
source <(dcp completion zsh)
words=("$@"); CURRENT=$#; _dcp
`;

suite('dcp completion', ({ each, test }) => {
  each(
    SHELLS,
    shell => `${shell}: prints its script`,
    async shell => {
      const { code, stdout, stderr } = await dcp(['completion', shell]);
      equal([code, stdout, stderr], [0, SCRIPTS[shell], '']);
    },
  );

  test('a path that is no checkpoint has no names, and nothing is said of it', async () => {
    const { code, stdout, stderr } = await dcp(['completion', 'bash', '--', 'extract', '/nowhere', '']);
    equal([code, stdout, stderr], [0, 'words\n', '']);
  });

  const lines = [
    ['commands', ['st'], 'stats', 'compadd -- stats'],
    ['modes', ['convert', 'safetensors_to_t'], 'safetensors_to_torch', 'compadd -- safetensors_to_torch'],
    ['choices', ['convert', 'a', 'b', '--ties', 'd'], 'drop', 'compadd -- drop'],
    [
      'names of the checkpoint in the line',
      ['extract', 'ckpt', 'app.model.net1.'],
      'app.model.net1.weight\napp.model.net1.bias',
      'compadd -- app.model.net1.weight app.model.net1.bias',
    ],
  ] as const;
  const inShell = (program: string, args: readonly string[], words: readonly string[]): string => {
    const cwd = stage();
    const env = { ...process.env, PATH: `${join(cwd, 'bin')}:${process.env.PATH}` };
    const { stdout, stderr, status } = spawnSync(program, [...args, 'shell', 'dcp', ...words], {
      cwd,
      env,
      encoding: 'utf8',
    });
    is(status, 0, stderr);
    return stdout.trim();
  };

  each(
    lines,
    ([name]) => `bash completes ${name}`,
    ([, words, expected]) => {
      const found = inShell('bash', ['--norc', '-c', BASH], words);
      equal(
        found.split('\n').filter(line => !line.startsWith('compopt')),
        expected.split('\n'),
      );
    },
  );

  test('bash leaves paths to itself', () => {
    is(inShell('bash', ['--norc', '-c', BASH], ['inspect', 'my']), 'compopt -o default');
  });

  if (spawnSync('zsh', ['--version']).status === 0) {
    each(
      lines,
      ([name]) => `zsh completes ${name}`,
      ([, words, , expected]) => {
        const found = inShell('zsh', ['-f', '-c', ZSH], words);
        equal(
          found.split('\n').filter(line => line !== 'files'),
          [expected],
        );
      },
    );
  }
});
