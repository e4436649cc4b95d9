import { METADATA_NAME, RANK_METADATA } from '../dcp/directory.js';
import { ItemReader } from '../dcp/item-window.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import { UsageError, withContextAsync } from '../errors.js';
import { listNames, pathKind } from '../io/listing.js';
import { FileSource, readRange } from '../io/source.js';
import { type DisassembleOptions, type Disassembly, disassemble } from '../pickle/disassemble.js';
import { inMemory } from '../pickle/opcode-reader.js';
import { tracePickle } from '../pickle/trace.js';
import { oddityText } from '../scan/oddity-text.js';
import { isDangerousGlobal, loadsWithWeightsOnly } from '../torch/globals.js';
import { readArchivePickles, readStoredPickles, type StoredPickle } from '../torch/reader.js';
import { nothingOfThisName } from './find-entry.js';
import { locateCheckpoint } from './locate.js';
import { openCheckpoint, recogniseFile } from './open.js';
import { STATE_NAME } from './state-file.js';

export type { StoredPickle };

/** A pickle of a checkpoint, and what it names. */
export interface InspectedPickle {
  /** The file, relative to the checkpoint, or the entry; and the record in it. */
  name: string;
  byteLength: number;
  /** As its first opcode says; 0 where it does not. */
  protocol: number;
  /** Every class and function that it names, each once, in the order of first mention. */
  globals: PickleGlobal[];
  /** Why it cannot be followed to its end, or what in it no pickler of data writes. */
  error?: string;
}

export interface PickleGlobal {
  /** `module.name`. */
  name: string;
  /** Whether loading it elsewhere could run commands or code. */
  dangerous: boolean;
  /** Whether `torch.load(weights_only=True)` accepts it. */
  onTorchList: boolean;
}

/** The file that Megatron-core keeps beside the index. */
const COMMON_NAME = 'common.pt';

/**
 * The pickles that are read to open a checkpoint, or the one of an object: they need not be sound.
 * @param fqn an object of a DCP checkpoint, which has a pickle of its own.
 * @throws FileError, FormatError, UnsupportedError where there is no checkpoint or the container cannot be followed;
 * UsageError where `fqn` is no object with a pickle of its own.
 */
export async function readPicklesOf(path: string, fqn?: string): Promise<StoredPickle[]> {
  if (fqn !== undefined) return objectPickles(path, fqn);
  const located = pathKind(path) === 'directory' ? locateCheckpoint(path) : path;
  if (pathKind(located) === 'directory') {
    const names = listNames(located);
    const indexes = names.includes(METADATA_NAME)
      ? [METADATA_NAME]
      : names.filter(name => RANK_METADATA.test(name)).sort();
    const pickles = await Promise.all(indexes.map(name => wholeFile(`${located}/${name}`)));
    for (const name of [COMMON_NAME, STATE_NAME].filter(each => names.includes(each))) {
      pickles.push(...(await readStoredPickles(`${located}/${name}`)).map(each => inFile(name, each)));
    }
    return pickles;
  }
  const { as } = await recogniseFile(located);
  if (as === 'safetensors') return [];
  return as === 'dcp-index' ? [await wholeFile(located)] : readStoredPickles(located);
}

function inFile(file: string, pickle: StoredPickle): StoredPickle {
  return { ...pickle, name: `${file}: ${pickle.name}` };
}

async function wholeFile(path: string): Promise<StoredPickle> {
  const source = FileSource.open(path);
  try {
    const bytes = await readRange(source, 0, source.byteLength);
    return { name: path.slice(path.lastIndexOf('/') + 1), bytes, start: 0 };
  } finally {
    source.close();
  }
}

async function objectPickles(path: string, fqn: string): Promise<StoredPickle[]> {
  const checkpoint = await openCheckpoint(path);
  try {
    const entry = checkpoint.entries.find(each => each.fqn === fqn);
    if (entry === undefined) {
      throw nothingOfThisName(
        checkpoint.path,
        fqn,
        checkpoint.entries.map(each => each.fqn),
      );
    }
    const place =
      entry.kind === 'object' && checkpoint instanceof DcpCheckpoint
        ? await withContextAsync({ fqn }, () => checkpoint.archiveOfObject(entry))
        : undefined;
    if (place === undefined) {
      throw new UsageError('It has no pickle of its own', {
        expected: 'an object of a DCP checkpoint',
        path: checkpoint.path,
        fqn,
      });
    }
    return await withContextAsync({ fqn }, async () => {
      const source = FileSource.open(checkpoint.files[place.file]!.path);
      try {
        const item = await new ItemReader(source, [place]).open(0);
        return (await readArchivePickles(item)).map(each => inFile(fqn, each));
      } finally {
        source.close();
      }
    });
  } finally {
    checkpoint.close();
  }
}

/** Its opcodes as lines; see {@link disassemble}. */
export function disassemblePickle(
  { bytes, start }: StoredPickle,
  options: Omit<DisassembleOptions, 'start'> = {},
): Generator<string, Disassembly> {
  return disassemble(bytes, { ...options, start });
}

/** What a pickle is, and what it names. Nothing is called. */
export function inspectPickle({ name, bytes, start }: StoredPickle): InspectedPickle {
  const { mentions, oddities, protocol, broken, end } = tracePickle(inMemory(bytes), start);
  const odd = oddities[0];
  const problem =
    broken ?? (odd === undefined ? undefined : { what: oddityText(odd), byteOffset: odd.byteOffset });
  return {
    name,
    byteLength: (end ?? bytes.length) - start,
    protocol,
    globals: mentions.map(({ module, name: own }) => {
      const path = `${module}.${own}`;
      return { name: path, dangerous: isDangerousGlobal(path), onTorchList: loadsWithWeightsOnly(path) };
    }),
    ...(problem === undefined ? {} : { error: `${problem.what} [at byte ${problem.byteOffset}]` }),
  };
}
