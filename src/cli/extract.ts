import type { ExtractOptions, ExtractResult } from '../index.js';
import { printableLines } from '../tui/printable.js';
import type { ExtractRequest } from './commands/extract.js';
import { EXIT_DONE } from './exit-codes.js';
import { extractText as describeExtract } from './extract-text.js';
import { successDocument } from './json-document.js';
import { type LongRunHooks, runLong } from './long-run.js';
import { ClosedPipe, type Output } from './output.js';
import { STDOUT } from './shared-options.js';
import { styleFor } from './style.js';
import type { Screens } from './terminal.js';

/** Runs `dcp extract` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runExtract(request: ExtractRequest, output: Output, screens: Screens): Promise<number> {
  const startedAt = performance.now();
  const { format, progress, json } = request;
  const hint =
    format === 'text' || request.output === STDOUT ? undefined : 'The destination is what it was before.';
  // Progress would run into the text on a terminal.
  const options = {
    progress,
    json,
    quiet: request.quiet || format === 'text',
    ...(hint === undefined ? {} : { hint }),
  };
  const result = await runLong(options, screens, hooks => extract(request, output, hooks)).catch(error => {
    // Who reads text may stop when he has seen enough.
    if (format === 'text' && error instanceof ClosedPipe) return EXIT_DONE;
    throw error;
  });
  if (typeof result === 'number') return result;
  if ('isText' in result) return EXIT_DONE;
  const seconds = (performance.now() - startedAt) / 1000;
  await output.leftBehind(result.leftBehind);
  if (json) {
    const elapsedSeconds = Math.round(seconds * 1000) / 1000;
    await output.result(successDocument('extract', { ...result, elapsedSeconds }));
    return EXIT_DONE;
  }
  if (request.quiet) return EXIT_DONE;
  const toStdout = request.output === STDOUT;
  const { columns, colors } = toStdout ? screens.stderr : screens.stdout;
  const text = describeExtract(result, { columns, style: styleFor(colors), seconds });
  await (toStdout ? output.notice(text) : output.result(text));
  return EXIT_DONE;
}

async function extract(
  request: ExtractRequest,
  output: Output,
  { signal, onProgress }: LongRunHooks,
): Promise<ExtractResult | { isText: true }> {
  const [{ extractTensors, extractText, extractToStream }, { parseLayout }] = await Promise.all([
    import('../ops/extract.js'),
    import('../ops/sharding.js'),
  ]);
  const { path, fqns, format, slice, layout, rank, cast, rawBits, force, workers } = request;
  const part = {
    ...(slice === undefined ? {} : { slice }),
    ...(layout === undefined ? {} : { shard: { ...parseLayout(layout), rank: rank! } }),
    ...(workers === undefined ? {} : { workers }),
    signal,
  };
  if (format === 'text') {
    await extractText(path, fqns, text => output.bytes(Buffer.from(printableLines(text))), {
      ...part,
      onProgress: progress => onProgress({ phase: 'copy', ...progress }),
    });
    return { isText: true };
  }
  const options: ExtractOptions = {
    ...part,
    format,
    rawBits,
    force,
    ...(cast === undefined ? {} : { cast }),
    onProgress: progress => onProgress({ phase: 'copy', ...progress }),
  };
  if (request.output === STDOUT) return extractToStream(path, fqns, bytes => output.bytes(bytes), options);
  return extractTensors(path, fqns, request.output!, options);
}
