import { globMatcher } from '../../src/ops/glob.js';
import { is, suite } from '../suite.js';

suite('globs', ({ each }) => {
  const rows: [globs: string[], text: string, matches: boolean][] = [
    [['model.weight'], 'model.weight', true],
    [['model.weight'], 'model.weights', false],
    [['model.weight'], 'a.model.weight', false],
    [['model.weight'], 'modelXweight', false],
    [['Model.weight'], 'model.weight', false],
    [['model.*'], 'model.0.weight', true],
    [['model.*'], 'model.', true],
    [['model.*'], 'model', false],
    [['*'], '', true],
    [['*'], 'line\nbreak', true],
    [['*.weight'], 'a.b\n.weight', true],
    [['**'], 'a.b', true],
    [['*.bias', '*.weight'], 'a.weight', true],
    [['*.bias', '*.weight'], 'a.scale', false],
    [[], 'a', false],
    [[''], '', true],
    [[''], 'a', false],
    [['layer?'], 'layer1', true],
    [['layer?'], 'layer12', false],
    [['layer?'], 'layer', false],
    [['鍵?'], '鍵🔑', true],
    [['鍵??'], '鍵🔑', false],
    [['a?'], 'a\ud800', true],
    [['?'], '\n', true],
    [['a[0]'], 'a[0]', true],
    [['a[0]'], 'a0', false],
    [['{a,b}'], '{a,b}', true],
    [['{a,b}'], 'a', false],
    [['a+(b)|c^$\\.'], 'a+(b)|c^$\\.', true],
    [['a-/b'], 'a-/b', true],
    [['a.b'], 'a#b', false],
    [['a.b#2'], 'a.b#2', true],
  ];
  each(
    rows,
    ([globs, text, matches]) =>
      `${JSON.stringify(globs)} ${matches ? 'takes' : 'leaves'} ${JSON.stringify(text)}`,
    ([globs, text, matches]) => is(globMatcher(globs)(text), matches),
  );
});
