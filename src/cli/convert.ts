import type { ByteSink, ConvertFormats, ConvertOptions, ConvertResult } from '../index.js';
import type { ConvertRequest } from './commands/convert.js';
import { convertText, noticeText } from './convert-text.js';
import { EXIT_DONE, EXIT_PROBLEMS } from './exit-codes.js';
import { keepHeapSmall } from './heap.js';
import { successDocument } from './json-document.js';
import { type LongRunHooks, runLong } from './long-run.js';
import type { Output } from './output.js';
import { STDOUT } from './shared-options.js';
import { styleFor } from './style.js';
import type { Screens } from './terminal.js';

/** Runs `dcp convert` and returns the exit code. @throws as the operation does, if no signal ended it. */
export async function runConvert(request: ConvertRequest, output: Output, screens: Screens): Promise<number> {
  keepHeapSmall();
  const startedAt = performance.now();
  const toStdout = request.destination === STDOUT;
  const sink = toStdout ? (bytes: Uint8Array) => output.bytes(bytes) : undefined;
  const { progress, quiet, json } = request;
  const options = { progress, quiet, json, hint: 'The destination is what it was before.' };
  const result = await runLong(options, screens, hooks => convert(request, hooks, sink));
  if (typeof result === 'number') return result;
  const seconds = (performance.now() - startedAt) / 1000;
  if (!quiet) {
    const { columns, colors } = screens.stderr;
    await output.notice(noticeText(result, { columns, style: styleFor(colors) }));
  }
  if (json) {
    const elapsedSeconds = Math.round(seconds * 1000) / 1000;
    await output.result(successDocument('convert', { ...result, elapsedSeconds }));
  } else if (!quiet) {
    const { columns, colors } = toStdout ? screens.stderr : screens.stdout;
    const isChosen = request.to === undefined;
    const style = styleFor(colors);
    const text = convertText(result, { seconds, isChosen, crc: request.crc, columns, style });
    await (toStdout ? output.notice(text) : output.result(text));
  }
  return result.lost.length === 0 ? EXIT_DONE : EXIT_PROBLEMS;
}

async function convert(
  request: ConvertRequest,
  hooks: LongRunHooks,
  sink: ByteSink | undefined,
): Promise<ConvertResult> {
  const operations = await import('../ops/convert.js');
  const { from, to, source, destination, force, resume, skipExisting, dryRun, strict, allowUnsafeGlobals } =
    request;
  const { salvage, waitMs, restoreIntKeys, maxShardByteLength, ties, copyAssets, check, device, crc, sync } =
    request;
  const { map, workers, readsInFlight } = request;
  const { part, include, exclude, optimKeys, unwrap, cleanFqns, stripPrefix, addPrefix } = request;
  const { rename, layout, dtype, ranks, dim, mesh, placements } = request;
  const options: ConvertOptions & ConvertFormats = {
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    force,
    resume,
    skipExisting,
    dryRun,
    strict,
    allowUnsafeGlobals,
    restoreIntKeys,
    salvage,
    part,
    ...(map === undefined ? {} : { map }),
    include,
    exclude,
    optimKeys,
    unwrap,
    cleanFqns,
    stripPrefix,
    addPrefix,
    rename,
    layout,
    dtype,
    ranks,
    dim,
    mesh,
    placements,
    ...(maxShardByteLength === undefined ? {} : { maxShardByteLength }),
    ...(ties === undefined ? {} : { ties }),
    ...(copyAssets === undefined ? {} : { copyAssets }),
    check,
    device,
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
