import { CheckError } from '../errors.js';
import { parseArguments } from './arguments.js';
import { errorText } from './error-text.js';
import { EXIT_DONE, EXIT_FAILED, EXIT_PROBLEMS } from './exit-codes.js';
import { helpText } from './help.js';
import { failureDocument } from './json-document.js';
import { ClosedPipe, Output } from './output.js';

import { styleFor } from './style.js';
import { type Screens, terminalOf } from './terminal.js';
import { commandWord, wantsJson } from './tokens.js';

/**
 * The command line: takes arguments, returns the exit code. Nothing below it prints or exits. What a command needs
 * is loaded when it runs, so that help and small inspections start fast.
 */
export async function main(argv: readonly string[]): Promise<number> {
  const { stdout, stderr, env } = process;
  const output = new Output(stdout, stderr);
  const screens: Screens = { stdout: terminalOf(stdout, env), stderr: terminalOf(stderr, env) };
  // Errors thrown where nobody waits for them are mistakes in this program; they end the run like all others.
  const crash = new Promise<never>((_, reject) => process.on('uncaughtException', reject));
  try {
    return await Promise.race([run(argv, output, screens), crash]);
  } catch (error) {
    return await fail(error, argv, output, screens);
  }
}

async function run(argv: readonly string[], output: Output, screens: Screens): Promise<number> {
  if (argv.length === 0) {
    await output.notice(helpText());
    return EXIT_FAILED;
  }
  const parsed = parseArguments(argv);
  if ('run' in parsed) return parsed.run(output, screens);
  await output.result(parsed.text);
  return EXIT_DONE;
}

/** Tells of a failure on stderr, and on stdout where JSON was asked for. */
async function fail(
  error: unknown,
  argv: readonly string[],
  output: Output,
  screens: Screens,
): Promise<number> {
  if (error instanceof ClosedPipe) return EXIT_FAILED;
  const withStack = process.env.DCP_DEBUG === '1';
  await output.notice(errorText(error, styleFor(screens.stderr.colors), { withStack }));
  if (wantsJson(argv)) {
    try {
      await output.result(failureDocument(commandWord(argv) ?? null, error));
    } catch {
      // stdout is what failed, and stderr has been told.
    }
  }
  return exitCodeOf(error);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CheckError) return EXIT_PROBLEMS;
  const code = error instanceof Error && 'exitCode' in error ? error.exitCode : undefined;
  return typeof code === 'number' ? code : EXIT_FAILED;
}
