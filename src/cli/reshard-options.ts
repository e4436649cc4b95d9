import { UsageError } from '../errors.js';
import type { GivenArguments, OptionRow } from './command.js';

/** Which ranks are to have saved a DCP directory. */
export interface ReshardRequest {
  ranks: number | undefined;
  dim: number | undefined;
  mesh: string | undefined;
  placements: readonly string[] | undefined;
}

export const RESHARD_OPTIONS: readonly OptionRow[] = [
  {
    name: 'ranks',
    kind: 'value',
    valueName: 'N',
    describe: 'To DCP: the files that N ranks save, each tensor sharded over them',
  },
  {
    name: 'dim',
    kind: 'value',
    valueName: 'D',
    describe: 'With --ranks: the dimension that is sharded. Default: 0',
  },
  {
    name: 'mesh',
    kind: 'value',
    valueName: 'MESH',
    describe: 'To DCP: the files that the ranks of a grid save: 8, 2x4 or dp=2,tp=4',
  },
  {
    name: 'placements',
    kind: 'values',
    valueName: 'LIST',
    describe:
      "One for each dimension of --mesh: 'Shard(0),Replicate()'; 'GLOB=LIST' for some tensors. May be repeated",
  },
];

/** @throws UsageError for what is no number. */
export function reshardOf({ value, values }: GivenArguments): ReshardRequest {
  return {
    ranks: integerOf(value('ranks'), 'ranks', /^[1-9]\d{0,8}$/, 'a number of ranks, 1 or more'),
    dim: integerOf(value('dim'), 'dim', /^-?\d{1,9}$/, 'a dimension, such as 0 or -1'),
    mesh: value('mesh'),
    placements: values('placements'),
  };
}

function integerOf(
  given: string | undefined,
  option: string,
  form: RegExp,
  expected: string,
): number | undefined {
  if (given === undefined) return undefined;
  if (form.test(given)) return Number(given);
  throw new UsageError(`--${option} is no such number`, { expected, found: given });
}
