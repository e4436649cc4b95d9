import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface InjectionReport {
  rows: {
    scenario: string;
    mode: string;
    /** Calls of the longest run that concern the mode. */
    calls: number;
    runs: number;
    faults: number;
    /** Of them, in other threads than the first. */
    inThreads: number;
    passed: number;
    refused: number;
  }[];
  findings: string[];
}

export const PRELOAD = new URL('./preload.js', import.meta.url).href;
const INJECT = fileURLToPath(new URL('./inject.js', import.meta.url));

/** Runs `inject.ts` in a process of its own, with its options. */
export function spawnInjector(...options: string[]): Promise<InjectionReport> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', PRELOAD, INJECT, ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', piece => (text += piece));
    child.on('error', reject);
    child.on('close', code => {
      if (code === 0) resolve(JSON.parse(text));
      else reject(new Error(`the injector ended with ${code}`));
    });
  });
}
