import { UsageError } from '../errors.js';
import type { MapOptions } from '../index.js';
import type { GivenArguments, OptionRow } from './command.js';

export const MAP_OPTIONS: readonly OptionRow[] = [
  {
    name: 'map',
    kind: 'value',
    valueName: 'FILE',
    choices: ['torchtitan-llama3', 'megatron-gpt', 'megatron-gpt-stacked'],
    completes: 'path',
    describe:
      'Rename and rearrange tensors by a map of keys: a JSON file, or torchtitan-llama3, megatron-gpt',
  },
  {
    name: 'map-reverse',
    kind: 'flag',
    describe: 'Undo the map instead: from what it makes to what it takes',
  },
  {
    name: 'map-config',
    kind: 'value',
    valueName: 'FILE',
    completes: 'path',
    describe: "The model's config.json for the map. Default: the one in <src>, or in --copy-assets",
  },
  {
    name: 'map-param',
    kind: 'values',
    valueName: 'PARAM',
    describe:
      'NAME=N: a number for the map, such as n_heads=32, which counts instead of its own. May be repeated',
  },
];

/** @throws UsageError for options of a map without one, and for parameters that are no numbers. */
export function mapOf({ flag, value, values }: GivenArguments): MapOptions | undefined {
  const file = value('map');
  const config = value('map-config');
  const given = values('map-param') ?? [];
  if (file === undefined) {
    const isGiven = { 'map-reverse': flag('map-reverse'), 'map-config': config, 'map-param': given[0] };
    const alone = Object.entries(isGiven).find(([, is]) => is !== undefined && is !== false);
    if (alone === undefined) return undefined;
    throw new UsageError(`--${alone[0]} says how to use a map`, { expected: '--map' });
  }
  const parameters: Record<string, number> = {};
  for (const text of given) {
    const match = /^([A-Za-z_]\w*)=(\d+)$/.exec(text);
    if (match === null) {
      throw new UsageError('--map-param is no number with a name', { expected: 'NAME=NUMBER', found: text });
    }
    parameters[match[1]!] = Number(match[2]);
  }
  return { file, reverse: flag('map-reverse'), ...(config === undefined ? {} : { config }), parameters };
}
