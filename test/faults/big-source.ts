/** A checkpoint that takes long enough to copy that something can happen meanwhile. */
import { readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { torchSaveToDcp } from '../../src/index.js';
import { parseTemporaryName } from '../../src/io/temporary-name.js';
import { encodePickle } from '../../src/pickle/encode.js';
import { scratch } from '../io/scratch.js';
import { Random } from '../random.js';
import { craftArchive, craftTensor, dictOf } from './craft.js';
import { type RunningDcp, startDcp } from './run-dcp.js';

const TENSOR_BYTE_LENGTH = 8 << 20;
const TENSOR_COUNT = 7;

export interface BigSource {
  torchFile: string;
  directory: string;
}

let made: Promise<BigSource> | undefined;

/** 56 MiB: several threads copy it. As a torch.save file and as a DCP directory. Made once; tests that change it take copies. */
export function bigSource(): Promise<BigSource> {
  return (made ??= makeBigSource(scratch({ inMemory: true })));
}

async function makeBigSource(root: string): Promise<BigSource> {
  const torchFile = join(root, 'big.pth');
  const directory = join(root, 'big');
  const seed = new Random(7).bytes(1 << 16);
  const storages = Array.from({ length: TENSOR_COUNT }, (_, key) => {
    const bytes = Buffer.alloc(TENSOR_BYTE_LENGTH, seed);
    bytes.writeUInt32LE(key, 0);
    return bytes;
  });
  const elements = TENSOR_BYTE_LENGTH / 4;
  const tensors = storages.map((_, key): [string, ReturnType<typeof craftTensor>] => [
    `layer${key}.weight`,
    craftTensor({
      key: String(key),
      storageElements: elements,
      size: [1024, elements / 1024],
      stride: [elements / 1024, 1],
    }),
  ]);
  writeFileSync(torchFile, craftArchive(encodePickle(dictOf(Object.fromEntries(tensors))), storages));
  await torchSaveToDcp(torchFile, directory);
  return { torchFile, directory };
}

/** Names of temporaries beside a destination or in it. */
export function temporariesOf(destination: string): string[] {
  const names = (directory: string): string[] => {
    try {
      return readdirSync(directory);
    } catch {
      return [];
    }
  };
  return [
    ...names(dirname(destination)).filter(name => parseTemporaryName(name)?.stem === basename(destination)),
    ...names(destination).filter(name => name.startsWith('.dcp-tmp-')),
  ];
}

/** Milliseconds until a conversion must have made its temporary. */
const PATIENCE = 20_000;
const clock = new Int32Array(new SharedArrayBuffer(4));

/** Waits without giving other work a turn: what is to happen in the middle of a copy must not come late. */
export function waitHere(milliseconds: number): void {
  Atomics.wait(clock, 0, 0, milliseconds);
}

/** Starts a conversion and returns when its temporary is there: from then on it copies. */
export function startCopying(args: readonly string[]): RunningDcp {
  const run = startDcp(args);
  const destination = args[3]!;
  const startedAt = performance.now();
  while (temporariesOf(destination).length === 0) {
    if (performance.now() - startedAt > PATIENCE) throw new Error(`nothing is copied: ${args.join(' ')}`);
    waitHere(1);
  }
  return run;
}

/** Starts a conversion, halts it in the middle of the copy, and lets it go on after `meanwhile`. */
export async function interveneIn(
  args: readonly string[],
  meanwhile: (run: RunningDcp) => unknown,
): ReturnType<typeof startDcp>['ended'] {
  const run = startCopying(args);
  run.process.kill('SIGSTOP');
  await meanwhile(run);
  run.process.kill('SIGCONT');
  return run.ended;
}
