import { EXIT_DONE } from './exit-codes.js';
import { inspectText } from './inspect-text.js';
import { successDocument } from './json-document.js';
import type { Output } from './output.js';
import type { InspectRequest } from './request.js';
import { styleFor } from './style.js';
import type { Screens } from './terminal.js';

/** Runs `dcp inspect` and returns the exit code. @throws as the operation does. */
export async function runInspect(
  request: InspectRequest,
  output: Output,
  { stdout }: Screens,
): Promise<number> {
  const { path, keys, chunks, json } = request;
  const { inspectCheckpoint } = await import('../ops/inspect.js');
  const report = await inspectCheckpoint(path, { chunks, ...(keys === undefined ? {} : { keys }) });
  if (keys !== undefined && report.entries.length === 0) {
    await output.notice('dcp: no entry has a name that --keys matches\n');
  }
  await output.result(
    json
      ? successDocument('inspect', report)
      : inspectText(report, { columns: stdout.columns, style: styleFor(stdout.colors) }),
  );
  return EXIT_DONE;
}
