import { FileError } from '../errors.js';

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

  /** Writes to stderr. */
  async notice(text: string): Promise<void> {
    if (text !== '') await written(this.stderr, text);
  }
}

function written(stream: NodeJS.WritableStream, text: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise(resolve => {
    stream.write(text, error => resolve(error ?? undefined));
  });
}
