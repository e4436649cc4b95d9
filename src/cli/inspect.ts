import type { InspectReport } from '../ops/inspect.js';
import type { InspectRequest } from './commands/inspect.js';
import { EXIT_DONE } from './exit-codes.js';
import { successDocument } from './json-document.js';
import type { Output } from './output.js';
import type { Screens, Terminal } from './terminal.js';

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
  await output.result(json ? successDocument('inspect', report) : await humanText(report, stdout));
  return EXIT_DONE;
}

/** Loaded apart: scripts that ask for JSON start faster without it. */
async function humanText(report: InspectReport, { columns, colors }: Terminal): Promise<string> {
  const [{ inspectText }, { styleFor }] = await Promise.all([
    import('./inspect-text.js'),
    import('./style.js'),
  ]);
  return inspectText(report, { columns, style: styleFor(colors) });
}
