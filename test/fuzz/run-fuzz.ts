/** Tries mutants in a process apart, and counts what they end in. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FuzzFormat } from './seeds.js';
import type { Trial, TrialResult } from './target.js';

export interface FuzzReport {
  format: FuzzFormat;
  seed: number;
  mutants: number;
  /** Ended in an error of ours, by its code. */
  refused: Record<string, number>;
  right: number;
  /** Seed, number, and what is wrong. */
  findings: string[];
  /** Of the slowest mutant, in milliseconds of the process that tried it. */
  slowestMs: number;
  /** Of the process, in bytes: many mutants, one behind the other. */
  maxRss: number;
}

const HANG_MS = 5000;
const MAX_RSS = 512 * 2 ** 20;
const TARGET = fileURLToPath(new URL('./target.js', import.meta.url));

export interface FuzzOptions {
  format: FuzzFormat;
  seed: number;
  /** Numbers of the mutants: from `first` on, so many. */
  first?: number;
  mutants: number;
  /** Stop when this is over, in milliseconds since the start. */
  withinMs?: number;
}

export async function runFuzz({
  format,
  seed,
  first = 0,
  mutants,
  withinMs,
}: FuzzOptions): Promise<FuzzReport> {
  const area = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'dcp-fuzz-run-'));
  const report: FuzzReport = {
    format,
    seed,
    mutants: 0,
    refused: {},
    right: 0,
    findings: [],
    slowestMs: 0,
    maxRss: 0,
  };
  const startedAt = performance.now();
  let process = new Target(area);
  try {
    for (let number = first; number < first + mutants; number++) {
      if (withinMs !== undefined && performance.now() - startedAt > withinMs) break;
      const began = performance.now();
      const outcome = await process.try({ format, seed, number });
      report.mutants++;
      if (outcome.kind === 'ended') {
        await process.end();
        process = new Target(area);
        report.findings.push(`${format} ${seed} ${number}: ${outcome.what}`);
        continue;
      }
      report.slowestMs = Math.max(report.slowestMs, performance.now() - began);
      report.maxRss = Math.max(report.maxRss, outcome.maxRss);
      if (outcome.kind === 'wrong') report.findings.push(`${format} ${seed} ${number}: ${outcome.what}`);
      else if (outcome.kind === 'right') report.right++;
      else report.refused[outcome.code!] = (report.refused[outcome.code!] ?? 0) + 1;
      if (outcome.maxRss > MAX_RSS) {
        // Was it this mutant, or all before it together?
        await process.end();
        process = new Target(area);
        const alone = await process.try({ format, seed, number });
        if (alone.kind === 'ended' || alone.maxRss > MAX_RSS) {
          report.findings.push(
            `${format} ${seed} ${number}: takes ${outcome.maxRss} bytes of memory: ${outcome.what}`,
          );
          await process.end();
          process = new Target(area);
        }
      }
    }
  } finally {
    await process.end();
    rmSync(area, { recursive: true, force: true });
  }
  return report;
}

type Outcome = TrialResult | { kind: 'ended'; what: string };

class Target {
  private readonly child: ChildProcess;
  private readonly ended: Promise<string>;
  private stderr = '';

  constructor(area: string) {
    this.child = fork(TARGET, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, DCP_FUZZ_ROOT: area, TMPDIR: area },
    });
    this.child
      .stderr!.setEncoding('utf8')
      .on('data', text => (this.stderr = `${this.stderr}${text}`.slice(-2000)));
    this.ended = new Promise(resolve => {
      this.child.on('exit', (code, signal) =>
        resolve(`the process ended (${code ?? signal}): ${this.stderr}`),
      );
    });
  }

  async try(trial: Trial): Promise<Outcome> {
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<Outcome>(resolve => {
      this.child.once('message', message => resolve(message as TrialResult));
      void this.ended.then(what => resolve({ kind: 'ended', what }));
      timer = setTimeout(
        () => resolve({ kind: 'ended', what: `no answer in ${HANG_MS} ms` }),
        HANG_MS * patience,
      );
    });
    this.child.send(trial);
    const outcome = await answer;
    clearTimeout(timer);
    return outcome;
  }

  async end(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** A machine that does much else answers late; the first answer waits for the program to be loaded too. */
const patience = Number(process.env.DCP_FUZZ_PATIENCE ?? 2);
