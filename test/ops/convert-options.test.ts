import { type ConvertTarget, type FittingOptions, requireFitting } from '../../src/ops/convert-options.js';
import { suite, throws } from '../suite.js';

const DIRECTORY: ConvertTarget = { from: 'dcp', to: 'safetensors', kind: 'directory' };
const FILE: ConvertTarget = { from: 'dcp', to: 'safetensors', kind: 'file' };
const TORCH: ConvertTarget = { from: 'dcp', to: 'torch', kind: 'file' };
const DCP: ConvertTarget = { from: 'torch', to: 'dcp', kind: 'directory' };
const STREAM: ConvertTarget = { from: 'dcp', to: 'torch', kind: 'stream' };

/** An option, what it goes with, and what it does not go with. */
const ROWS: readonly (readonly [
  option: string,
  options: FittingOptions,
  fits: readonly ConvertTarget[],
  refused: readonly ConvertTarget[],
])[] = [
  ['--restore-int-keys', { restoreIntKeys: true }, [TORCH, STREAM, {}], [DCP, DIRECTORY, FILE]],
  ['--ranks', { ranks: 2 }, [DCP, {}], [TORCH, DIRECTORY, FILE]],
  ['--dim', { dim: 0 }, [DCP, {}], [TORCH]],
  ['--mesh', { mesh: '2' }, [DCP, {}], [TORCH]],
  ['--placements', { placements: ['Shard(0)'] }, [DCP, {}], [TORCH]],
  ['--ties', { ties: 'drop' }, [DIRECTORY, FILE, {}], [TORCH, DCP]],
  ['--max-shard-size', { maxShardByteLength: 1 }, [DIRECTORY, {}, { to: 'safetensors' }], [FILE, TORCH, DCP]],
  ['--copy-assets', { copyAssets: 'hf' }, [DIRECTORY, {}], [FILE, TORCH, DCP]],
  ['--salvage', { salvage: true }, [TORCH, {}], [DCP]],
  ['--check', { check: true }, [TORCH, DCP, {}], [STREAM]],
  ['--salvage', { salvage: true, crc: true }, [TORCH], []],
  ['--salvage', { salvage: true, crc: false }, [], [TORCH, {}]],
  ['--resume', { resume: true, crc: false }, [], [TORCH, {}]],
];

suite('options of a conversion', ({ each }) => {
  each(
    ROWS,
    ([, options]) => JSON.stringify(options),
    ([option, options, fits, refused]) => {
      for (const target of fits) requireFitting(options, target);
      for (const target of refused) {
        const message = new RegExp(`^${option} (is for|needs) `);
        throws(() => requireFitting(options, target), { code: 'usage', message });
      }
    },
  );
});
