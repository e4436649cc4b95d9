import { suggest } from '../../src/ops/suggest.js';
import { is, suite } from '../suite.js';

const KNOWN = ['force', 'skip-existing', 'dry-run', 'quiet', 'workers', 'keys', 'json', 'no-crc'];

suite('suggestions', ({ each }) => {
  each(
    [
      ['forse', 'force'],
      ['froce', 'force'],
      ['FORCE', 'force'],
      ['skip_existing', 'skip-existing'],
      ['skipexisting', 'skip-existing'],
      ['skip', 'skip-existing'],
      ['dryrun', 'dry-run'],
      ['worker', 'workers'],
      ['jsn', 'json'],
      ['key', 'keys'],
      ['nocrc', 'no-crc'],
      ['', undefined],
      ['f', undefined],
      ['verbose', undefined],
      ['constructor', undefined],
    ] as const,
    ([given, meant]) => `${given || 'nothing'} means ${meant ?? 'nothing known'}`,
    ([given, meant]) => is(suggest(given, KNOWN), meant),
  );

  each(
    [
      ['model.layers.1.wieght', 'model.layers.1.weight'],
      ['model.layers.19999.weights', 'model.layers.19999.weight'],
      ['nothing like it', undefined],
    ] as const,
    ([given]) => `${given} among many names`,
    ([given, meant]) => {
      const names = Array.from({ length: 20_000 }, (_, i) => `model.layers.${i}.weight`);
      is(suggest(given, names), meant);
    },
  );
});
