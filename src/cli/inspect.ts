import { FileError } from '../errors.js';
import type { InspectOptions, InspectReport } from '../ops/inspect.js';
import { type InspectRequest, isOfOneCheckpoint } from './commands/inspect.js';
import { EXIT_DONE } from './exit-codes.js';
import { successDocument } from './json-document.js';
import { runLong } from './long-run.js';
import type { Output } from './output.js';
import type { Screens, Terminal } from './terminal.js';

/** Runs `dcp inspect` and returns the exit code. @throws as the operation does. */
export async function runInspect(request: InspectRequest, output: Output, screens: Screens): Promise<number> {
  const { stdout } = screens;
  const { path, fqn, slice, keys, chunks, objects, all, sort, layout, json } = request;
  const { holdsSeveral } = await import('../ops/list-checkpoints.js');
  if (request.latestComplete) return printLatest(request, output);
  // With options about entries the request is of one checkpoint: opening says that there are several.
  if (!isOfOneCheckpoint(request) && holdsSeveral(path)) return printList(request, output, stdout);
  if (request.pickle) {
    await (await import('./inspect-pickles.js')).printPickles(request, output, stdout);
    return EXIT_DONE;
  }
  const options: InspectOptions = {
    chunks,
    ...(fqn === undefined ? {} : { fqn }),
    ...(slice === undefined ? {} : { slice }),
    ...(keys === undefined ? {} : { keys }),
    ...(sort === undefined ? {} : { sort }),
    ...(objects ? { objects: all ? 'whole' : 'short' } : {}),
    ...(layout === undefined ? {} : { layout: (await import('../ops/sharding.js')).parseLayout(layout) }),
  };
  if (request.html !== undefined) return writePage(request, request.html, options, output, screens);
  const { inspectCheckpoint } = await import('../ops/inspect.js');
  const report = await inspectCheckpoint(path, options);
  if (json) await output.result(successDocument('inspect', report));
  else for (const part of await humanText(report, request, stdout)) await output.result(part);
  return EXIT_DONE;
}

/** Writes the page, and says where it is. */
async function writePage(
  { path, force, json }: InspectRequest,
  destination: string,
  options: InspectOptions,
  output: Output,
  screens: Screens,
): Promise<number> {
  const { writeHtmlReport } = await import('../ops/html-report.js');
  const hint = `${destination} is what it was before.`;
  const result = await runLong({ progress: undefined, json, quiet: true, hint }, screens, ({ signal }) =>
    writeHtmlReport(path, destination, { ...options, force, signal }),
  );
  if (typeof result === 'number') return result;
  const { report, byteLength, leftBehind } = result;
  await output.leftBehind(leftBehind);
  const html = { path: destination, byteLength, leftBehind };
  const [{ formatBytes }, { printable }] = await Promise.all([
    import('../tui/units.js'),
    import('../tui/printable.js'),
  ]);
  await output.result(
    json
      ? successDocument('inspect', { ...report, html })
      : `Wrote ${printable(destination)}, ${formatBytes(byteLength)}\n`,
  );
  return EXIT_DONE;
}

/** @throws FileError where no checkpoint is complete: a script must not go on with an empty name. */
async function printLatest({ path, json }: InspectRequest, output: Output): Promise<number> {
  const { listCheckpoints } = await import('../ops/list-checkpoints.js');
  const list = await listCheckpoints(path);
  if (list.latestComplete === null) {
    throw new FileError('None of the checkpoints is complete', {
      found: list.checkpoints.map(({ state }) => state).join(', '),
      path,
      hint: `dcp inspect ${path} lists them.`,
    });
  }
  await output.result(json ? successDocument('inspect', list) : `${list.latestComplete}\n`);
  return EXIT_DONE;
}

async function printList({ path, json }: InspectRequest, output: Output, stdout: Terminal): Promise<number> {
  const { listCheckpoints } = await import('../ops/list-checkpoints.js');
  const list = await listCheckpoints(path);
  if (json) await output.result(successDocument('inspect', list));
  else {
    const [{ listText }, { styleFor }] = await Promise.all([import('./list-text.js'), import('./style.js')]);
    await output.result(listText(list, { columns: stdout.columns, style: styleFor(stdout.colors) }));
  }
  return EXIT_DONE;
}

/** Loaded apart: scripts that ask for JSON start faster without it. */
async function humanText(
  report: InspectReport,
  { fqn, all, files, objects, sort }: InspectRequest,
  { columns, colors, unicode }: Terminal,
): Promise<Iterable<string>> {
  const [{ inspectText }, { styleFor }] = await Promise.all([
    import('./inspect-text.js'),
    import('./style.js'),
  ]);
  const one = fqn !== undefined && report.entries.every(entry => entry.fqn === fqn);
  const view = { one, all, files, objects, sort };
  return inspectText(report, { columns, unicode, style: styleFor(colors), view });
}
