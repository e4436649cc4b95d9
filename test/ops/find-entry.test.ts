import { nothingOfThisName } from '../../src/ops/find-entry.js';
import { is, suite } from '../suite.js';

const KNOWN = ['model.embed.weight', 'model.layers.0.wq', 'model.layers.1.wq', 'optim.step'];

suite('a name that nothing has', ({ each }) => {
  each(
    [
      ['model.layers', '2 names begin with it: model.layers.0.wq, model.layers.1.wq'],
      ['model', '3 names begin with it: model.embed.weight, model.layers.0.wq, model.layers.1.wq'],
      ['optim', '1 name begins with it: optim.step'],
      ['model.embed.wieght', 'Did you mean model.embed.weight?'],
      ['model.embed.weight[5000]', "Did you mean model.embed.weight with --slice '5000'?"],
      ['model.embed.weight[0:10,:]', "Did you mean model.embed.weight with --slice '0:10,:'?"],
      ['wq', "2 names have it in them: model.layers.0.wq, model.layers.1.wq; --keys '*wq*' lists them"],
      ['embed', "1 name has it in it: model.embed.weight; --keys '*embed*' lists them"],
      [
        'layers.*.wq',
        "2 names have it in them: model.layers.0.wq, model.layers.1.wq; --keys '*layers.*.wq*' lists them",
      ],
      ['xyzzy', 'dcp inspect run/ --all lists all names.'],
    ] as const,
    ([given]) => given,
    ([given, hint]) => is(nothingOfThisName('run/', given, KNOWN).hint, hint),
  );
});
