import type { Command, OptionRow } from './command.js';
import { completionCommand } from './commands/completion.js';
import { convertCommand } from './commands/convert.js';
import { devicesCommand } from './commands/devices.js';
import { diffCommand } from './commands/diff.js';
import { exploreCommand } from './commands/explore.js';
import { extractCommand } from './commands/extract.js';
import { inspectCommand } from './commands/inspect.js';
import { scanCommand } from './commands/scan.js';
import { statsCommand } from './commands/stats.js';
import { verifyCommand } from './commands/verify.js';

/** All commands by what people want, in the order of the help. */
export const COMMAND_GROUPS: readonly (readonly [title: string, commands: readonly Command[]])[] = [
  ['Look at a checkpoint', [inspectCommand, exploreCommand, statsCommand]],
  ['Convert it, or take out a part', [convertCommand, extractCommand]],
  ['Check it', [verifyCommand, diffCommand, scanCommand]],
  ['This installation', [devicesCommand, completionCommand]],
];

export const COMMANDS: readonly Command[] = COMMAND_GROUPS.flatMap(([, commands]) => commands);

export const COMMAND_NAMES: readonly string[] = COMMANDS.map(({ name }) => name);

export const GLOBAL_OPTION_NAMES: readonly string[] = ['help', 'version'];

/** Every option of every command, each name once. */
export const ALL_OPTIONS: readonly OptionRow[] = [
  ...new Map(COMMANDS.flatMap(({ options }) => options).map(row => [row.name, row])).values(),
];

export function commandNamed(name: string | undefined): Command | undefined {
  return COMMANDS.find(command => command.name === name);
}
