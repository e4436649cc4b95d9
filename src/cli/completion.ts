import type { CompletionRequest } from './commands/completion.js';
import { completionOf, namesBeginning } from './complete.js';
import { SCRIPTS } from './completion-scripts.js';
import { EXIT_DONE } from './exit-codes.js';
import type { Output } from './output.js';

/** Prints a shell's script, or what it asks for. */
export async function runCompletion({ shell, words }: CompletionRequest, output: Output): Promise<number> {
  if (words === undefined) {
    await output.result(SCRIPTS[shell]);
    return EXIT_DONE;
  }
  const { words: candidates, files, fqnsOf } = completionOf(words);
  const names = fqnsOf === undefined ? [] : namesBeginning(words.at(-1) ?? '', await entryNames(fqnsOf));
  await output.result(`${[files ? 'files' : 'words', ...candidates, ...names].join('\n')}\n`);
  return EXIT_DONE;
}

/** None where there is no checkpoint: who presses a key is told nothing of it. */
async function entryNames(path: string): Promise<string[]> {
  const [{ openCheckpoint }, { DcpError }] = await Promise.all([
    import('../ops/open.js'),
    import('../errors.js'),
  ]);
  try {
    const checkpoint = await openCheckpoint(path);
    try {
      return checkpoint.entries.map(({ fqn }) => fqn);
    } finally {
      checkpoint.close();
    }
  } catch (error) {
    if (error instanceof DcpError) return [];
    throw error;
  }
}
