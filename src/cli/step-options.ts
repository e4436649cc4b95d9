import type { Layout, Part } from '../index.js';
import type { GivenArguments, OptionRow } from './command.js';
import { choiceIn } from './shared-options.js';

const PARTS: readonly Part[] = ['model', 'optim', 'all'];
const LAYOUTS: readonly Layout[] = ['nested', 'flat'];

/** What is to become of a checkpoint between its source and its destination. */
export interface StepRequest {
  part: Part;
  include: readonly string[] | undefined;
  exclude: readonly string[] | undefined;
  optimKeys: 'fqn' | undefined;
  unwrap: boolean;
  cleanFqns: boolean;
  stripPrefix: string | undefined;
  addPrefix: string | undefined;
  rename: readonly string[] | undefined;
  layout: Layout | undefined;
  dtype: readonly string[] | undefined;
}

/** Which entries: before all else. */
export const SELECTION_OPTIONS: readonly OptionRow[] = [
  {
    name: 'part',
    kind: 'value',
    valueName: 'PART',
    choices: PARTS,
    describe: 'Only the weights (model), or only what the optimizer keeps (optim). Default: all',
  },
  {
    name: 'include',
    kind: 'values',
    valueName: 'GLOB',
    completes: 'fqn',
    describe: 'Only entries whose name in the source matches; * is any text. May be repeated',
  },
  {
    name: 'exclude',
    kind: 'values',
    valueName: 'GLOB',
    completes: 'fqn',
    describe: 'No entries whose name in the source matches. May be repeated',
  },
];

/** Under which names, in which types: in the order in which they apply. */
export const NAME_OPTIONS: readonly OptionRow[] = [
  {
    name: 'optim-keys',
    kind: 'value',
    valueName: 'HOW',
    choices: ['fqn'],
    describe: "fqn: name a plain optimizer's states by parameter, as a sharded training has them",
  },
  {
    name: 'unwrap',
    kind: 'flag',
    describe: 'Leave out the one key that everything stands under, such as app',
  },
  {
    name: 'clean-fqns',
    kind: 'flag',
    describe: 'Take module., _orig_mod., _fsdp_wrapped_module. and _checkpoint_wrapped_module. out of names',
  },
  {
    name: 'strip-prefix',
    kind: 'value',
    valueName: 'PREFIX',
    describe: 'Take PREFIX and its dot off names: with model, model.embed.weight is embed.weight',
  },
  {
    name: 'add-prefix',
    kind: 'value',
    valueName: 'PREFIX',
    describe: 'Put PREFIX and a dot before names: the reverse',
  },
  {
    name: 'rename',
    kind: 'values',
    valueName: 'RULE',
    describe: "Substitute in names, as in sed: 's/^layers/blocks/'. May be repeated",
  },
  {
    name: 'layout',
    kind: 'value',
    valueName: 'HOW',
    choices: LAYOUTS,
    describe:
      'nested dicts, or one flat dict of names. Default: flat where a key got another text, otherwise nested',
  },
  {
    name: 'dtype',
    kind: 'values',
    valueName: 'TYPE',
    choices: ['bf16', 'fp16', 'fp32'],
    describe:
      "Cast floating tensors to bf16, fp16 or fp32; 'GLOB=TYPE' or 'GLOB=keep' for some. May be repeated",
  },
];

/** @throws UsageError for a word that an option does not know. */
export function stepsOf(given: GivenArguments): StepRequest {
  const { flag, value, values } = given;
  return {
    part: choiceIn(given, 'part', PARTS) ?? 'all',
    include: values('include'),
    exclude: values('exclude'),
    optimKeys: choiceIn(given, 'optim-keys', ['fqn']),
    unwrap: flag('unwrap'),
    cleanFqns: flag('clean-fqns'),
    stripPrefix: value('strip-prefix'),
    addPrefix: value('add-prefix'),
    rename: values('rename'),
    layout: choiceIn(given, 'layout', LAYOUTS),
    dtype: values('dtype'),
  };
}
