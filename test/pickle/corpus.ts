import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What `fixtures/pickle/make_pickles.py` wrote. Pickles are Base64 there and bytes here. */
interface Corpus {
  corpus: CorpusEntry[];
  /** Pickles in the opcodes of Python 2. */
  python2: { name: string; pickle: string; value: unknown }[];
  /** Protocol 2 pickles of random values. */
  random: string[];
  /** By kind and size, for example `list 1001`. */
  batches: Record<string, { sha256: string; byteLength: number }>;
  /** `data.pkl` of files that torch.save wrote. */
  torch: Record<string, string>;
  literals: { pickle: string; repr: string; str: string }[];
  /** Code, name, kind of argument, protocol: from pickletools. */
  opcodes: [number, string, string | null, number][];
  /** From `_compat_pickle`: module and name, then what they are mapped to. */
  names: {
    to3: [string, string, string, string][];
    to2: [string, string, string, string][];
    modulesTo3: [string, string][];
    modulesTo2: [string, string][];
  };
}

export interface CorpusEntry {
  name: string;
  /** Description of the object as protocol 2 sees it; under other protocols only where it differs. */
  value: unknown;
  valueUnder?: Record<string, unknown>;
  /** By protocol. */
  pickles: Record<string, string>;
  /** What CPython's unpickler looked up. */
  globals?: string[];
}

export const corpus = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../../fixtures/pickle/corpus.json', import.meta.url)), 'utf8'),
) as Corpus;

export function fromBase64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

export interface CorpusPickle {
  name: string;
  protocol: number;
  bytes: Uint8Array;
  entry: CorpusEntry;
  /** What the object is to this protocol. */
  value: unknown;
}

/** Every object under every protocol that can write it. */
export const pickles: CorpusPickle[] = corpus.corpus.flatMap(entry =>
  Object.entries(entry.pickles).map(([protocol, pickle]) => ({
    name: `${entry.name}, protocol ${protocol}`,
    protocol: Number(protocol),
    bytes: fromBase64(pickle),
    entry,
    value: entry.valueUnder?.[protocol] ?? entry.value,
  })),
);

/** Bytes of opcodes: text as Latin-1, numbers as bytes. */
export function bytesOf(...parts: (string | number)[]): Uint8Array {
  return new Uint8Array(
    Buffer.concat(
      parts.map(part => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part]))),
    ),
  );
}

/** Bytes as text, so that a failing comparison can be read. */
export function readable(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}
