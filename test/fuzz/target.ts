/** The process in which mutants are tried: it may crash, hang or grow, and its parent tells. See `run-fuzz.ts`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fuzzer, type Verdict } from './oracle.js';
import type { FuzzFormat } from './seeds.js';

export interface Trial {
  format: FuzzFormat;
  seed: number;
  number: number;
}

export interface TrialResult extends Verdict {
  number: number;
  /** Of the process so far, in bytes. */
  maxRss: number;
}

const root = mkdtempSync(join(process.env.DCP_FUZZ_ROOT ?? tmpdir(), 'dcp-fuzz-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
process.on('disconnect', () => process.exit(0));

const fuzzers = new Map<FuzzFormat, Fuzzer>();
process.on('message', async ({ format, seed, number }: Trial) => {
  let fuzzer = fuzzers.get(format);
  if (fuzzer === undefined) fuzzers.set(format, (fuzzer = new Fuzzer(format, root)));
  let verdict = await fuzzer.judge(seed, number);
  const left = fuzzer.leftovers();
  if (left.length > 0) verdict = { kind: 'wrong', what: `${verdict.what} → left behind: ${left.join()}` };
  const result: TrialResult = { ...verdict, number, maxRss: process.resourceUsage().maxRSS * 1024 };
  process.send!(result);
});
