/** What the processes that make faults are asked for, and what they answer; and how many of them share the work. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Random } from '../../random.js';
import { MODES } from './modes.js';
import { FAULT_SCENARIOS } from './scenarios.js';

/** One way of writing in which one kind of failure is made: at call `first`, and at each `every`th after it. */
export interface InjectionUnit {
  scenario: string;
  mode: string;
  first: number;
  every: number;
}

export interface InjectionRow {
  scenario: string;
  mode: string;
  /** Of the program; none where the library is called. */
  command: string | undefined;
  /** Undisturbed, it changes what is below the destination's directory. */
  changes: boolean;
  /** Undisturbed, it makes files in the temporary area. */
  spools: boolean;
  /** Calls of the longest run that concern the mode. */
  calls: number;
  runs: number;
  faults: number;
  /** Of them, in other threads than the first. */
  inThreads: number;
  passed: number;
  refused: number;
}

export interface InjectionAnswer {
  row: InjectionRow;
  findings: string[];
}

export interface InjectionOptions {
  /** Each so-manieth call fails; 1: every one. */
  every: number;
  /** Tells where the first one is. */
  seed: number;
  /** Processes side by side. */
  jobs: number;
  /** Only a part of the work: the k-th of n. */
  shard?: { k: number; n: number };
  /** Only ways of writing whose name holds this. */
  only?: string;
  /** Only the mode of this name. */
  mode?: string;
}

export interface InjectionReport {
  rows: InjectionRow[];
  findings: string[];
}

export const PRELOAD = new URL('./preload.js', import.meta.url).href;
const INJECT = fileURLToPath(new URL('./inject.js', import.meta.url));

/** The work, in order. It depends on the seed and not on how it is shared. */
export function injectionUnits({
  every,
  seed,
  shard,
  only = '',
  mode = '',
}: InjectionOptions): InjectionUnit[] {
  const random = new Random(seed);
  const { k, n } = shard ?? { k: 1, n: 1 };
  return FAULT_SCENARIOS.flatMap(scenario =>
    MODES.map(({ name }) => ({
      scenario: scenario.name,
      mode: name,
      first: random.int(0, every - 1),
      every,
    })),
  )
    .filter((_, i) => i % n === k - 1)
    .filter(unit => unit.scenario.includes(only) && (mode === '' || unit.mode === mode));
}

/** Does the work in `jobs` processes, each of which takes the next unit when it is done with one. */
export async function injectFaults(options: InjectionOptions): Promise<InjectionReport> {
  const units = injectionUnits(options);
  const answers: InjectionAnswer[] = [];
  const left: string[][] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    const injector = startInjector();
    for (let i = next++; i < units.length; i = next++) answers[i] = await injector.ask(units[i]!);
    left.push(await injector.end());
  };
  await Promise.all(Array.from({ length: Math.min(options.jobs, units.length) }, work));
  return {
    rows: answers.map(({ row }) => row),
    findings: [...answers.flatMap(({ findings }) => findings), ...left.flat()],
  };
}

interface Injector {
  ask(unit: InjectionUnit): Promise<InjectionAnswer>;
  /** @returns what it has left in the temporary area. */
  end(): Promise<string[]>;
}

function startInjector(): Injector {
  const child = fork(INJECT, [], { execArgv: ['--import', PRELOAD] });
  let asked: { resolve(answer: unknown): void; reject(error: Error): void } | undefined;
  let ended: Error | undefined;
  child.on('message', answer => asked?.resolve(answer));
  child.on('close', (code, signal) => {
    ended = new Error(`an injector ended with ${code ?? signal}`);
    asked?.reject(ended);
  });
  const send = (message: InjectionUnit | 'end'): Promise<unknown> =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      asked = { resolve, reject };
      child.send(message);
    });
  return {
    ask: unit => send(unit) as Promise<InjectionAnswer>,
    async end() {
      const left = (await send('end')) as string[];
      child.disconnect();
      return left;
    },
  };
}
