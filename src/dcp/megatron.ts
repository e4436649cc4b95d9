import { type Entry, ObjectEntry, type SourceFile } from '../checkpoint/checkpoint.js';
import { keyText } from '../checkpoint/flatten.js';
import type { StorageTable } from '../checkpoint/storage.js';
import { FormatError, UnsupportedError, withContextAsync } from '../errors.js';
import { pathKind, withoutLastSlash } from '../io/listing.js';
import { type FileSnapshot, takeSnapshot } from '../io/snapshot.js';
import { FileSource, readRange } from '../io/source.js';
import { PyDict } from '../pickle/dict.js';
import type { PyValue } from '../pickle/values.js';
import { readItemPickle } from './items.js';

/** Written last by Megatron-core: which backend the tensors are in. (megatron/core/dist_checkpointing/core.py) */
const CONFIG_NAME = 'metadata.json';
/** torch.save of what is not sharded: arguments, iteration, param_groups. (strategies/common.py) */
const COMMON_NAME = 'common.pt';
const MAX_CONFIG_BYTE_LENGTH = 1 << 20;

/** What Megatron-core keeps beside the DCP files of a checkpoint, and merges with them when it loads. */
export interface MegatronCommon {
  file: SourceFile;
  snapshot: FileSnapshot;
  /** One a key of the top level, with their key objects. Their storages are in the table given. */
  entries: { key: PyValue; entry: ObjectEntry }[];
  /** Globals that the pickle names. */
  globals: ReadonlySet<string>;
}

/**
 * Reads `common.pt` of a directory that Megatron-core wrote with `--ckpt-format torch_dist`.
 * @param file the position that `common.pt` will have among the checkpoint's files.
 * @returns undefined for a directory of any other program.
 * @throws UnsupportedError for another backend, FormatError where `common.pt` holds no dict.
 */
export async function readMegatronCommon(
  directory: string,
  file: number,
  storages: StorageTable,
): Promise<MegatronCommon | undefined> {
  const base = withoutLastSlash(directory);
  const backend = await readBackend(`${base}/${CONFIG_NAME}`);
  if (backend === undefined) return undefined;
  if (backend !== 'torch_dist') {
    throw new UnsupportedError('Megatron-core wrote this checkpoint with another backend than DCP', {
      expected: 'torch_dist',
      found: backend,
      path: `${base}/${CONFIG_NAME}`,
      hint: 'Load it in Megatron-LM and save it with --ckpt-format torch_dist.',
    });
  }
  const path = `${base}/${COMMON_NAME}`;
  if (pathKind(path) !== 'file') return undefined;
  const snapshot = takeSnapshot(path);
  const source = FileSource.open(path);
  try {
    return await withContextAsync({ path }, async () => {
      const item = { byteOffset: 0, byteLength: source.byteLength };
      const { value, globals } = await readItemPickle(source, item, file, storages);
      if (!(value instanceof PyDict)) throw new FormatError(`${COMMON_NAME} does not hold a dict`);
      const entries = [...value.entries()].map(([key, member]) => {
        const text = keyText(key);
        const entry = new ObjectEntry(text, [text]);
        entry.value = member;
        return { key, entry };
      });
      return { file: { path, name: COMMON_NAME, byteLength: source.byteLength }, snapshot, entries, globals };
    });
  } finally {
    source.close();
  }
}

/**
 * The state dict as Megatron-core loads it: the common part, then what is sharded under its flat keys.
 * @throws FormatError where both have one name.
 */
export function mergeCommon(
  { entries: common }: MegatronCommon,
  entries: readonly Entry[],
  tree: PyDict,
): { entries: Entry[]; tree: PyDict } {
  const names = new Set(entries.map(({ path }) => path[0]));
  const clash = common.find(({ entry }) => names.has(entry.path[0]!));
  if (clash !== undefined) {
    throw new FormatError(`${COMMON_NAME} and the index both have an entry of one name`, {
      fqn: clash.entry.fqn,
    });
  }
  return {
    entries: [...common.map(({ entry }) => entry), ...entries],
    tree: PyDict.of([...common.map(({ key, entry }): [PyValue, PyValue] => [key, entry]), ...tree.entries()]),
  };
}

/** `sharded_backend` of the configuration; undefined where there is none, or it is of another program. */
async function readBackend(path: string): Promise<string | undefined> {
  if (pathKind(path) !== 'file') return undefined;
  const source = FileSource.open(path);
  try {
    if (source.byteLength > MAX_CONFIG_BYTE_LENGTH) return undefined;
    const config: unknown = JSON.parse(
      new TextDecoder().decode(await readRange(source, 0, source.byteLength)),
    );
    const backend = (config as { sharded_backend?: unknown } | null)?.sharded_backend;
    return typeof backend === 'string' ? backend : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  } finally {
    source.close();
  }
}
