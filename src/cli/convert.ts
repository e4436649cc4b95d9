import { InterruptedError } from '../errors.js';
import type { ByteSink, ConvertFormats, ConvertOptions, ConvertResult } from '../index.js';
import type { ConvertRequest } from './commands/convert.js';
import { convertText, noticeText } from './convert-text.js';
import { EXIT_DONE, EXIT_PROBLEMS } from './exit-codes.js';
import { keepHeapSmall } from './heap.js';
import { listenForEnding } from './interruption.js';
import { successDocument } from './json-document.js';
import type { Output } from './output.js';
import { openProgress } from './progress.js';
import { STDOUT } from './shared-options.js';
import { styleFor } from './style.js';
import type { Screens, Terminal } from './terminal.js';

/** Runs `dcp convert` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runConvert(request: ConvertRequest, output: Output, screens: Screens): Promise<number> {
  keepHeapSmall();
  const startedAt = performance.now();
  const progress = openProgress(progressKind(request, screens.stderr), process.stderr, screens.stderr);
  const ending = listenForEnding(process, () => progress.onInterrupt());
  try {
    const toStdout = request.destination === STDOUT;
    const hooks = { signal: ending.signal, onProgress: progress.onProgress };
    const work = convert(request, hooks, toStdout ? bytes => output.bytes(bytes) : undefined);
    const result = await Promise.race([work, ending.atOnce]);
    progress.close();
    if (typeof result === 'number') return result;
    const seconds = (performance.now() - startedAt) / 1000;
    if (!request.quiet) {
      const { columns, colors } = screens.stderr;
      await output.notice(noticeText(result, { columns, style: styleFor(colors) }));
    }
    if (request.json) {
      const elapsedSeconds = Math.round(seconds * 1000) / 1000;
      await output.result(successDocument('convert', { ...result, elapsedSeconds }));
    } else if (!request.quiet) {
      const { columns, colors } = toStdout ? screens.stderr : screens.stdout;
      const isChosen = request.to === undefined;
      const text = convertText(result, {
        seconds,
        isChosen,
        crc: request.crc,
        columns,
        style: styleFor(colors),
      });
      await (toStdout ? output.notice(text) : output.result(text));
    }
    return result.lost.length === 0 ? EXIT_DONE : EXIT_PROBLEMS;
  } catch (error) {
    throw error instanceof InterruptedError && ending.exitCode !== undefined
      ? new EndedBySignal(ending.exitCode, error)
      : error;
  } finally {
    progress.close();
    ending.dispose();
  }
}

/** An interruption with the exit code that says by what. */
export class EndedBySignal extends InterruptedError {
  constructor(
    readonly exitCode: number,
    cause: InterruptedError,
  ) {
    super('Interrupted', { hint: 'The destination is what it was before.', cause });
  }
}

async function convert(
  request: ConvertRequest,
  hooks: Pick<ConvertOptions, 'signal' | 'onProgress'>,
  sink: ByteSink | undefined,
): Promise<ConvertResult> {
  const operations = await import('../ops/convert.js');
  const { from, to, source, destination, force, skipExisting, dryRun, strict, allowUnsafeGlobals } = request;
  const { restoreIntKeys, part, maxShardByteLength, ties, copyAssets, crc, sync } = request;
  const { salvage, waitMs, workers, readsInFlight } = request;
  const options: ConvertOptions & ConvertFormats = {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    force,
    skipExisting,
    dryRun,
    strict,
    allowUnsafeGlobals,
    restoreIntKeys,
    salvage,
    part,
    ...(maxShardByteLength === undefined ? {} : { maxShardByteLength }),
    ...(ties === undefined ? {} : { ties }),
    ...(copyAssets === undefined ? {} : { copyAssets }),
    crc,
    sync,
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(workers === undefined ? {} : { workers }),
    ...(readsInFlight === undefined ? {} : { readsInFlight }),
    ...hooks,
  };
  if (sink === undefined) return operations.convert(source, destination, options);
  return operations.convertToStream(source, sink, { ...options, to: to === 'safetensors' ? to : 'torch' });
}

function progressKind({ quiet, json }: ConvertRequest, stderr: Terminal): 'none' | 'lines' | 'screen' {
  if (quiet) return 'none';
  return stderr.animates && !json ? 'screen' : 'lines';
}
