/**
 * CPython never looks up a global that scanning does not tell of: pickles of all kinds, changed at random, are loaded by
 * its two unpicklers, which write down what they look up. `COUNT` and `SEED` of the environment: more of them.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inMemory } from '../../src/pickle/opcode-reader.js';
import { OPCODES } from '../../src/pickle/opcodes.js';
import { tracePickle } from '../../src/pickle/trace.js';
import { bytes, op } from '../hostile/assembler.js';
import { HOSTILE_PICKLES } from '../hostile/pickles.js';
import { pickles } from '../pickle/corpus.js';
import { Random } from '../random.js';
import { equal, ok, suite } from '../suite.js';
import { python } from './judge.js';

const SCRIPT = fileURLToPath(new URL('../../../test/interop/find_class.py', import.meta.url));
const COUNT = Number(process.env.DCP_TEST_COUNT ?? 4000);
const SEED = Number(process.env.DCP_TEST_SEED ?? 977);
const MAX_BYTE_LENGTH = 4096;

const CORPUS: readonly Uint8Array[] = [
  ...pickles.map(({ bytes: pickle }) => pickle),
  ...HOSTILE_PICKLES.map(({ make }) => make()),
].filter(({ length }) => length <= MAX_BYTE_LENGTH);

/** Opcodes that move names about: what an attacker would put in. */
const SNIPPETS: readonly ((random: Random) => Uint8Array)[] = [
  random => bytes(random.pick(OPCODES).code),
  random => op.binput(random.int(0, 9)),
  random => op.binget(random.int(0, 9)),
  random => bytes(`p${random.int(0, 9)}\n`),
  random => bytes(`g${random.int(0, 9)}\n`),
  random => op.longBinput(random.int(0, 20)),
  random => op.longBinget(random.int(0, 20)),
  () => op.memoize,
  () => op.stackGlobal,
  () => bytes(op.shortText('m1'), op.shortText('n1'), op.stackGlobal),
  () => bytes('Vm2\nVn2\n', op.stackGlobal),
  () => bytes(op.shortText('m3'), op.memoize, op.shortText('n3'), op.memoize),
  () => op.global('m4', 'n4.a'),
  () => bytes(op.mark, op.inst('m5', 'n5')),
  random => op.proto(random.int(0, 5)),
  () => op.dup,
  () => op.pop,
  () => op.mark,
];

function mutant(random: Random): Uint8Array {
  let pickle: Uint8Array = Uint8Array.from(random.pick(CORPUS));
  for (let change = random.int(1, 4); change > 0; change--) {
    const at = random.int(0, pickle.length);
    const what = random.next();
    if (what < 0.25) pickle[Math.min(at, pickle.length - 1)] = random.int(0, 255);
    else if (what < 0.8)
      pickle = bytes(pickle.subarray(0, at), random.pick(SNIPPETS)(random), pickle.subarray(at));
    else if (what < 0.9)
      pickle = bytes(pickle.subarray(0, at), pickle.subarray(Math.min(pickle.length, at + random.int(1, 4))));
    else pickle = bytes(pickle.subarray(0, at), random.pick(CORPUS));
  }
  return pickle.length === 0 ? bytes('.') : pickle;
}

suite('interop: what CPython looks up', ({ test }) => {
  test(`${COUNT} changed pickles, seed ${SEED}: scanning tells of all`, () => {
    const random = new Random(SEED);
    const jobs = [...CORPUS, ...Array.from({ length: COUNT }, () => mutant(random))];
    const { stdout, stderr } = spawnSync(python(), [SCRIPT], {
      input: JSON.stringify(jobs.map(pickle => Buffer.from(pickle).toString('hex'))),
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    });
    if (stdout === '') throw new Error(stderr);
    const answers = JSON.parse(stdout) as [module: string, name: string][][];
    let lookedUp = 0;
    const missed: string[] = [];
    for (const [i, names] of answers.entries()) {
      const { mentions, oddities } = tracePickle(inMemory(jobs[i]!));
      const told = new Set(
        mentions.map(({ module, name, written }) => `${written?.module ?? module}\n${written?.name ?? name}`),
      );
      const isComputed = oddities.some(({ kind }) => kind === 'computed_global');
      lookedUp += names.length;
      for (const [module, name] of names) {
        // One getattr that leads nowhere else is told by the name that it gives.
        const isGetattr = name === 'getattr' && mentions.some(mention => mention.name.includes('.'));
        if (told.has(`${module}\n${name}`) || isComputed || isGetattr) continue;
        missed.push(`${module}.${name} of ${Buffer.from(jobs[i]!).toString('hex')}`);
      }
    }
    equal(missed, []);
    ok(lookedUp > jobs.length / 4, `only ${lookedUp} names were looked up`);
  });
});
