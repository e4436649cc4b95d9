import { InterruptedError } from '../errors.js';
import type { ByteSink, ConvertOptions, ConvertResult } from '../index.js';
import type { ConvertRequest } from './commands/convert.js';
import { convertText, noticeText } from './convert-text.js';
import { EXIT_DONE, EXIT_PROBLEMS } from './exit-codes.js';
import { listenForEnding } from './interruption.js';
import { successDocument } from './json-document.js';
import type { Output } from './output.js';
import { openProgress } from './progress.js';
import { STDOUT } from './shared-options.js';
import { styleFor } from './style.js';
import type { Screens, Terminal } from './terminal.js';

/** Runs `dcp convert` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runConvert(request: ConvertRequest, output: Output, screens: Screens): Promise<number> {
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
      const text = convertText(result, { seconds, crc: request.crc, columns, style: styleFor(colors) });
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
  const { dcpToTorchSave, dcpToTorchStream, torchSaveToDcp } = await import('../ops/convert.js');
  const { mode, source, destination, force, skipExisting, dryRun, strict, allowUnsafeGlobals } = request;
  const { restoreIntKeys, salvage, waitMs, crc, sync, workers, readsInFlight } = request;
  const options: ConvertOptions = {
    force,
    skipExisting,
    dryRun,
    strict,
    allowUnsafeGlobals,
    restoreIntKeys,
    salvage,
    crc,
    sync,
    ...(waitMs === undefined ? {} : { waitMs }),
    ...(workers === undefined ? {} : { workers }),
    ...(readsInFlight === undefined ? {} : { readsInFlight }),
    ...hooks,
  };
  if (sink !== undefined) return dcpToTorchStream(source, sink, options);
  const operation = mode === 'dcp_to_torch' ? dcpToTorchSave : torchSaveToDcp;
  return operation(source, destination, options);
}

function progressKind({ quiet, json }: ConvertRequest, stderr: Terminal): 'none' | 'lines' | 'screen' {
  if (quiet) return 'none';
  return stderr.animates && !json ? 'screen' : 'lines';
}
