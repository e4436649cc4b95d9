import { Writable } from 'node:stream';
import { Output } from '../../src/cli/output.js';
import { is, rejects, suite } from '../suite.js';

class Sink extends Writable {
  text = '';

  constructor(private readonly failure?: NodeJS.ErrnoException) {
    super();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.text += chunk;
    done(this.failure);
  }
}

const failing = (code: string): Sink => new Sink(Object.assign(new Error(`write ${code}`), { code }));

suite('output', ({ test }) => {
  test('the result goes to stdout, all else to stderr', async () => {
    const [stdout, stderr] = [new Sink(), new Sink()];
    const output = new Output(stdout, stderr);
    await output.result('result\n');
    await output.notice('notice\n');
    is(stdout.text, 'result\n');
    is(stderr.text, 'notice\n');
  });

  test('a reader that closed the pipe has what it wanted', async () => {
    await new Output(failing('EPIPE'), new Sink()).result('x');
  });

  test('a result that cannot be written is an error', async () => {
    const output = new Output(failing('ENOSPC'), new Sink());
    await rejects(() => output.result('x'), { code: 'file', message: /stdout.*ENOSPC/ });
  });

  test('a stderr that is gone is no error', async () => {
    await new Output(new Sink(), failing('EIO')).notice('x');
  });
});
