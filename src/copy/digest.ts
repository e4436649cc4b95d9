import { createHash, type Hash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { DescriptorCache } from '../io/descriptors.js';
import { InlinePool } from './inline-pool.js';
import { runUnordered } from './schedule.js';
import { type Pool, scriptBeside, ThreadPool, type Work } from './threads.js';

/** Reading more at a time is not faster. */
const BLOCK_BYTE_LENGTH = 1 << 20;
/** Below this many bytes starting threads costs more than they save. */
const WORTH_THREADS_BYTE_LENGTH = 64 << 20;
const MAX_WORKERS = 8;
const POLL_MS = 100;

export interface DigestFile {
  path: string;
  byteLength: number;
}

interface DigestRequest extends DigestFile {
  index: number;
}

interface DigestResult {
  index: number;
  hex: string;
}

export interface DigestSetup {
  /** One number: bytes done by all threads, in units of {@link BLOCK_BYTE_LENGTH}. */
  done: SharedArrayBuffer;
}

/** Computes the SHA-256 of whole files, one at a time. */
export class DigestWork implements Work<DigestRequest, DigestResult> {
  private readonly descriptors = new DescriptorCache();
  private readonly done: Int32Array;
  private readonly block = new Uint8Array(BLOCK_BYTE_LENGTH);

  constructor({ done }: DigestSetup) {
    this.done = new Int32Array(done);
  }

  run({ path, byteLength, index }: DigestRequest): DigestResult {
    const hash: Hash = createHash('sha256');
    for (let at = 0; at < byteLength; at += BLOCK_BYTE_LENGTH) {
      const bytes = this.block.subarray(0, Math.min(BLOCK_BYTE_LENGTH, byteLength - at));
      this.descriptors.readInto(path, bytes, at);
      hash.update(bytes);
      Atomics.add(this.done, 0, 1);
    }
    return { index, hex: hash.digest('hex') };
  }

  close(): void {
    this.descriptors.close();
  }
}

export interface DigestOptions {
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: { byteCount: number; byteTotal: number }) => void;
}

/**
 * The SHA-256 of each file, in hexadecimal. Files are read as many at a time as there are threads; one file is one
 * thread's, because the hash of a file cannot be computed in parts. Memory holds a block a thread.
 * @throws FileError where a file cannot be read, InterruptedError.
 */
export async function digestFiles(
  files: readonly DigestFile[],
  options: DigestOptions = {},
): Promise<string[]> {
  const byteTotal = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const done = new SharedArrayBuffer(4);
  const workers =
    options.workers ??
    (byteTotal < WORTH_THREADS_BYTE_LENGTH || files.length < 2
      ? 1
      : Math.min(MAX_WORKERS, availableParallelism(), files.length));
  const setup: DigestSetup = { done };
  // Even one large file gets a thread: this one stays free to be interrupted.
  const isSmall = byteTotal < WORTH_THREADS_BYTE_LENGTH || workers === 0;
  const pool: Pool<DigestRequest, DigestResult> = isSmall
    ? new InlinePool(new DigestWork(setup))
    : new ThreadPool(scriptBeside(import.meta.url, 'digest-worker'), setup, workers);
  const digests = new Array<string>(files.length);
  const count = new Int32Array(done);
  const poll = setInterval(() => {
    const byteCount = Math.min(byteTotal, Atomics.load(count, 0) * BLOCK_BYTE_LENGTH);
    options.onProgress?.({ byteCount, byteTotal });
  }, POLL_MS);
  try {
    await runUnordered(
      pool,
      files.map((file, index) => ({ ...file, index })),
      ({ index, hex }) => {
        digests[index] = hex;
      },
      options.signal,
    );
  } finally {
    clearInterval(poll);
    await pool.close();
  }
  return digests;
}
