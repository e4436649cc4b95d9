import { type DcpError, toPlainError, UnsupportedError } from '../../errors.js';
import { Engine } from './engine.js';
import { type Gpu, openGpu } from './gpu.js';
import type { CallRequest, Reply, Request } from './protocol.js';

/**
 * The process that has the GPU: answers the calls of protocol.ts until its parent lets go of it. It reads the files
 * itself, and what a driver does to it does not end the parent.
 */
const send = (reply: Reply): void => void process.send?.(reply);

let gpu: Gpu | undefined;
let engine: Engine | undefined;
const running = new Map<number, AbortController>();

process.on('message', (request: Request) => {
  if (request.kind === 'abort') running.get(request.id)?.abort();
  else if (request.kind === 'close') void closeWhenIdle();
  else void answer(request);
});
// The parent is gone.
process.on('disconnect', () => void closeWhenIdle());
// The terminal sends these to every process; the parent decides what they mean.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});

async function answer(request: CallRequest): Promise<void> {
  const { id } = request;
  const controller = new AbortController();
  running.set(id, controller);
  try {
    send({ kind: 'done', id, result: await carryOut(request, controller.signal) });
  } catch (error) {
    send({ kind: 'failed', id, error: toPlainError(withoutNativeTrace(error)) });
  } finally {
    running.delete(id);
  }
}

async function carryOut(request: CallRequest, signal: AbortSignal): Promise<unknown> {
  const { id } = request;
  if (request.kind === 'open') {
    gpu = await openGpu();
    engine = new Engine(gpu, request.arguments.settings);
    return gpu.info;
  }
  if (engine === undefined) throw new Error('the GPU was not opened');
  const onProgress = (progress: { byteCount: number; byteTotal: number }): void =>
    send({ kind: 'progress', id, ...progress });
  const options = { signal, onProgress };
  switch (request.kind) {
    case 'stats': {
      const { records, histogram } = request.arguments;
      return engine.stats(records, { histogram }, options);
    }
    case 'compare': {
      const { a, b, tolerance } = request.arguments;
      return engine.compare(a, b, tolerance, options);
    }
    case 'rebuild':
      return engine.rebuild(request.arguments.records, options);
    case 'read':
      await engine.tensors.read(request.arguments.tensor, bytes => send({ kind: 'bytes', id, bytes }));
      return null;
    case 'release':
      for (const tensor of request.arguments.tensors) engine.tensors.release(tensor);
      return null;
  }
}

/** The package not loading, and calls of Dawn failing, are not mistakes of this program. */
function withoutNativeTrace(error: unknown): DcpError | unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_DLOPEN_FAILED') {
    return new UnsupportedError('The package webgpu does not load', {
      found: (error as Error).message.split('\n')[0]!,
    });
  }
  if (error instanceof Error && error.constructor.name === 'OperationError') {
    return new UnsupportedError('The GPU refused the work', { found: error.message.split('\n')[0]! });
  }
  return error;
}

let isClosing = false;

/** Ends the process. Work on the device is awaited first: to destroy it meanwhile is what crashes drivers. */
async function closeWhenIdle(): Promise<void> {
  if (isClosing) return;
  isClosing = true;
  while (running.size > 0) {
    for (const controller of running.values()) controller.abort();
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  if (gpu !== undefined) {
    await gpu.device.queue.onSubmittedWorkDone().catch(() => {});
    gpu.close();
  }
  if (process.connected) process.disconnect();
}
