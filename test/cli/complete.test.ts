import { completionOf, namesBeginning } from '../../src/cli/complete.js';
import { equal, is, suite } from '../suite.js';

suite('what can stand where the cursor is', ({ each }) => {
  each(
    [
      ['co|', ['convert', 'completion'], false],
      ['--v|', ['--version'], false],
      ['nothing |', ['inspect'], false],
      ['convert |', ['dcp_to_dcp'], true],
      ['convert dcp_to_t|', ['dcp_to_torch'], true],
      ['convert dcp_to_torch |', [], true],
      ['convert dcp_to_torch ckpt |', [], true],
      ['convert dcp_to_torch ckpt out.pth |', [], false],
      ['convert ckpt |', [], true],
      ['convert ckpt out.pth |', [], false],
      ['convert --par|', ['--part'], false],
      ['convert --part |', ['model', 'optim', 'all'], false],
      ['convert --part o|', ['optim'], false],
      ['convert --part = o|', ['optim'], false],
      ['convert --part =|', ['model', 'optim', 'all'], false],
      ['convert --map |', ['torchtitan-llama3', 'megatron-gpt', 'megatron-gpt-stacked'], true],
      ['convert --copy-assets |', [], true],
      ['stats ckpt --device w|', ['webgpu'], false],
      ['stats --workers 2 |', [], true],
      ['extract -o |', [], true],
      ['inspect -- --|', [], true],
      ['devices |', [], false],
      ['completion |', ['bash', 'zsh'], false],
    ] as const,
    ([line]) => `dcp ${line}`,
    ([line, first, files]) => {
      const { words, files: found } = completionOf(line.replace('|', '').split(' '));
      equal([words.slice(0, Math.max(1, first.length)), found], [first, files]);
    },
  );

  each(
    [
      ['extract ckpt |', 'ckpt'],
      ['extract ckpt a b|', 'ckpt'],
      ['extract -o w.npy ckpt |', 'ckpt'],
      ['inspect ckpt --keys |', 'ckpt'],
      ['inspect --keys |', undefined],
      ['inspect ckpt |', undefined],
    ] as const,
    ([line]) => `names: dcp ${line}`,
    ([line, path]) => is(completionOf(line.replace('|', '').split(' ')).fqnsOf, path),
  );

  each(
    [
      ['an option that was given', 'convert --force |', '--force', false],
      ['one that may be repeated', 'inspect ckpt --keys a --|', '--keys', true],
      ['the help', 'devices -|', '--help', true],
    ] as const,
    ([name]) => name,
    ([, line, word, isThere]) =>
      is(completionOf(line.replace('|', '').split(' ')).words.includes(word), isThere),
  );
});

suite('names of entries in a line', ({ each }) => {
  const layers = Array.from({ length: 60 }, (_, i) => [`layers.${i}.w`, `layers.${i}.b`]).flat();
  each(
    [
      ['few: whole', 'layers.5', ['layers.5.w', 'layers.5.b', 'layers.50.w']],
      ['many: up to the next dot', 'lay', ['layers.']],
      ['many: up to the dot behind', 'layers.', ['layers.0.', 'layers.1.', 'layers.2.']],
      ['none', 'x', []],
    ] as const,
    ([name]) => name,
    ([, typed, expected]) => equal(namesBeginning(typed, layers).slice(0, 3), expected),
  );
  each(['a\nb', 'a\u001b[31m', 'a\u2028b'], JSON.stringify, name =>
    equal(namesBeginning('a', [name, 'ab']), ['ab']),
  );
});
