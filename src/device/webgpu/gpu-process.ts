import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { scriptBeside } from '../../copy/threads.js';
import { fromPlainError, InterruptedError, UnsupportedError } from '../../errors.js';
import type { RunOptions } from '../device.js';
import type { CallName, Calls, Reply, Request } from './protocol.js';

/** Threads that read files in that process: those of libuv's pool. */
const READER_THREADS = 8;
/** How much of what the driver prints is kept for messages. */
const KEPT_OUTPUT_LENGTH = 4096;
/** A process that does not end by itself by then is ended. */
const CLOSE_MILLISECONDS = 5000;

interface PendingCall {
  resolve(result: unknown): void;
  reject(error: unknown): void;
  onProgress?: RunOptions['onProgress'];
  onBytes?: (bytes: Uint8Array) => void;
}

export interface CallOptions {
  signal?: AbortSignal | undefined;
  onProgress?: RunOptions['onProgress'] | undefined;
  onBytes?: ((bytes: Uint8Array) => void) | undefined;
}

/** A process of its own that has the GPU, and the calls to it that are under way. */
export class GpuProcess {
  private readonly child: ChildProcess;
  private readonly pending = new Map<number, PendingCall>();
  private nextId = 0;
  /** What Dawn and the driver printed last: native code writes to both streams. */
  private printed = '';
  private ended: UnsupportedError | undefined;
  private readonly exited: Promise<void>;
  private isClosing = false;

  /** `script`: what the process runs. Tests have others. */
  constructor(
    script: URL = scriptBeside(import.meta.url, 'webgpu-child'),
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.child = fork(fileURLToPath(script), {
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { UV_THREADPOOL_SIZE: String(READER_THREADS), ...process.env, ...environment },
    });
    const keep = (text: Buffer): void => {
      this.printed = (this.printed + text.toString()).slice(-KEPT_OUTPUT_LENGTH);
    };
    this.child.stdout!.on('data', keep);
    this.child.stderr!.on('data', keep);
    this.child.on('message', (reply: Reply) => this.take(reply));
    this.exited = new Promise(resolve => {
      const onEnd = (how: string): void => {
        this.ended ??= this.endedBy(how);
        for (const { reject } of this.pending.values()) reject(this.ended);
        this.pending.clear();
        resolve();
      };
      this.child.on('error', error => onEnd(error.message));
      // After `close` all that was printed has been read.
      this.child.on('close', (code, signal) => onEnd(signal ?? `exit code ${code}`));
    });
  }

  /** What Dawn and the driver have printed, first line first. */
  get lastPrinted(): string {
    return this.printed;
  }

  /** @throws UnsupportedError where the process has ended, InterruptedError, and what the call throws. */
  async call<Name extends CallName>(
    kind: Name,
    args: Calls[Name]['arguments'],
    { signal, onProgress, onBytes }: CallOptions = {},
  ): Promise<Calls[Name]['result']> {
    if (signal?.aborted === true) throw new InterruptedError('The work on the GPU was interrupted');
    if (this.ended !== undefined) throw this.ended;
    const id = this.nextId++;
    const abort = (): void => this.send({ kind: 'abort', id });
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        const call: PendingCall = { resolve: resolve as (result: unknown) => void, reject };
        if (onProgress !== undefined) call.onProgress = onProgress;
        if (onBytes !== undefined) call.onBytes = onBytes;
        this.pending.set(id, call);
        this.send({ kind, id, arguments: args } as Request);
      });
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Lets the process end, and waits for it. */
  async close(): Promise<void> {
    if (!this.isClosing) {
      this.isClosing = true;
      this.ended ??= new UnsupportedError('The device was closed');
      this.send({ kind: 'close' });
      const timer = setTimeout(() => this.child.kill('SIGKILL'), CLOSE_MILLISECONDS);
      void this.exited.then(() => clearTimeout(timer));
    }
    await this.exited;
  }

  private send(request: Request): void {
    // A process that has ended is told of by its events.
    if (this.child.connected) this.child.send(request, () => {});
  }

  private take(reply: Reply): void {
    const call = this.pending.get(reply.id);
    if (call === undefined) return;
    switch (reply.kind) {
      case 'progress':
        call.onProgress?.({ byteCount: reply.byteCount, byteTotal: reply.byteTotal });
        return;
      case 'bytes':
        call.onBytes?.(reply.bytes);
        return;
      case 'done':
        this.pending.delete(reply.id);
        call.resolve(reply.result);
        return;
      case 'failed':
        this.pending.delete(reply.id);
        call.reject(fromPlainError(reply.error));
    }
  }

  private endedBy(how: string): UnsupportedError {
    const said = this.printed.trim().split('\n').at(-1) ?? '';
    return new UnsupportedError('The process that has the GPU ended unexpectedly', {
      found: said === '' ? how : `${how}, after it printed: ${said}`,
      hint: 'This is a fault of the driver or of the package webgpu; --device cpu does without them.',
    });
  }
}
