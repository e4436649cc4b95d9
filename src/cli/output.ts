import { FileError, InterruptedError } from '../errors.js';
import { printable } from '../tui/printable.js';

/** Where a command's words go: the result to stdout, all else to stderr. */
export class Output {
  constructor(
    private readonly stdout: NodeJS.WritableStream,
    private readonly stderr: NodeJS.WritableStream,
  ) {
    // Failures of stdout come with the callback of `write`; nobody can be told of those of stderr.
    for (const stream of [stdout, stderr]) stream.on('error', () => {});
  }

  /**
   * Writes to stdout and waits until it is out. A reader that closed the pipe has what it wanted.
   * @throws FileError where writing fails, on a full disk for example.
   */
  async result(text: string): Promise<void> {
    if (text === '') return;
    const error = await written(this.stdout, text);
    if (error === undefined || error.code === 'EPIPE') return;
    throw new FileError('The result could not be written to stdout', {
      found: error.code ?? error.message,
      cause: error,
    });
  }

  /**
   * Writes a part of a file to stdout and waits until it is out.
   * @throws ClosedPipe where the reader went away, FileError where writing fails.
   */
  async bytes(bytes: Uint8Array): Promise<void> {
    const error = await written(this.stdout, bytes);
    if (error === undefined) return;
    if (error.code === 'EPIPE') throw new ClosedPipe();
    throw new FileError('The file could not be written to stdout', {
      found: error.code ?? error.message,
      cause: error,
    });
  }

  /** Writes to stderr. */
  async notice(text: string): Promise<void> {
    if (text !== '') await written(this.stderr, text);
  }

  /** Warns of temporaries that could not be removed. */
  async leftBehind(paths: readonly string[]): Promise<void> {
    for (const path of paths)
      await this.notice(`dcp: warning: this temporary could not be removed: ${printable(path)}\n`);
  }
}

/** The reader of a file on stdout went away: it has what it wanted, or says itself what is wrong. */
export class ClosedPipe extends InterruptedError {
  constructor() {
    super('The reader of stdout closed it');
  }
}

function written(
  stream: NodeJS.WritableStream,
  content: string | Uint8Array,
): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    stream.write(content, error => resolve(error ?? undefined));
  });
}
