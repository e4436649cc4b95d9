import { successDocument } from './json-document.js';
import type { Output } from './output.js';

/**
 * Prints what an operation that takes long found: one JSON document with the time that it took, the text that `textOf`
 * makes of the seconds, or nothing.
 */
export async function printTimed(
  output: Output,
  command: string,
  report: object,
  { startedAt, json, quiet = false }: { startedAt: number; json: boolean; quiet?: boolean },
  textOf: (seconds: number) => string,
): Promise<void> {
  const seconds = (performance.now() - startedAt) / 1000;
  if (json) {
    const elapsedSeconds = Math.round(seconds * 1000) / 1000;
    await output.result(successDocument(command, { ...report, elapsedSeconds }));
  } else if (!quiet) await output.result(textOf(seconds));
}
