import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export type Answer = { ok: boolean; error?: string } & Record<string, unknown>;

/** The Python that has torch. */
export function python(): string {
  const path = process.env.DCP_TEST_PYTHON ?? `${root}.venv/bin/python`;
  if (!existsSync(path)) throw new Error(`interop tests need torch: no Python at ${path}`);
  return path;
}

/** Real torch, asked over a pipe: one Python process for a whole suite, since importing torch takes seconds. */
export class Judge {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly waiting: ((answer: Answer) => void)[] = [];
  private readonly stderr: string[] = [];

  constructor() {
    this.child = spawn(python(), [`${root}test/interop/judge.py`, 'serve']);
    this.child.stderr.on('data', chunk => this.stderr.push(String(chunk)));
    createInterface({ input: this.child.stdout }).on('line', line =>
      this.waiting.shift()?.(JSON.parse(line) as Answer),
    );
    this.child.on('exit', code => {
      const error = `the judge ended with ${code}: ${this.stderr.join('').slice(-2000)}`;
      for (const resolve of this.waiting.splice(0)) resolve({ ok: false, error });
    });
  }

  /** Answers come in the order of the questions. */
  ask(command: string, ...args: string[]): Promise<Answer> {
    return new Promise(resolve => {
      this.waiting.push(resolve);
      this.child.stdin.write(`${JSON.stringify({ command, args })}\n`);
    });
  }

  close(): void {
    this.child.stdin.end();
  }
}
