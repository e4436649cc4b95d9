import type { CopyPlanBuilder } from '../copy/plan.js';
import { LimitError, UsageError } from '../errors.js';
import { listDirectory, pathKind, withoutLastSlash } from '../io/listing.js';
import { type FileSnapshot, takeSnapshot } from '../io/snapshot.js';
import { FileSource, readRange } from '../io/source.js';
import { STATE_JSON_NAME } from './state-file.js';

/** A file that is written beside safetensors as it is: a config, a tokenizer. */
export interface Asset {
  name: string;
  bytes: Uint8Array;
  snapshot: FileSnapshot;
}

/** What configs, tokenizers, chat templates and modelling code are called on the Hugging Face hub. */
const ASSET_NAME = /\.(json|jsonl|txt|model|tiktoken|jinja|py)$/;
/** The largest tokenizers have some tens of MB; what is larger is something else. */
const MAX_ASSET_BYTE_LENGTH = 256 << 20;

/**
 * Reads the config and tokenizer files of a directory: by their endings; indexes and state files are none.
 * @throws UsageError where there is none, LimitError for one that is no such file by its size, FileError.
 */
export async function readAssets(directory: string): Promise<Asset[]> {
  const kind = pathKind(directory);
  if (kind !== 'directory') {
    throw new UsageError('The assets to copy are not in a directory', {
      expected: 'a directory with config and tokenizer files',
      found: kind === 'missing' ? 'nothing' : `a ${kind}`,
      path: directory,
    });
  }
  const names = listDirectory(directory)
    .filter(({ name, kind }) => kind === 'file' && ASSET_NAME.test(name) && !name.startsWith('.'))
    .filter(({ name }) => !name.endsWith('.index.json') && name !== STATE_JSON_NAME)
    .map(({ name }) => name);
  if (names.length === 0) {
    throw new UsageError('The directory of assets has no config or tokenizer file', {
      expected: 'files such as config.json and tokenizer.json',
      path: directory,
    });
  }
  const assets: Asset[] = [];
  for (const name of names) assets.push(await readAsset(`${withoutLastSlash(directory)}/${name}`, name));
  return assets;
}

async function readAsset(path: string, name: string): Promise<Asset> {
  const snapshot = takeSnapshot(path);
  if (snapshot.byteLength > MAX_ASSET_BYTE_LENGTH) {
    throw new LimitError('A file is too large to be a config or a tokenizer', {
      expected: `${MAX_ASSET_BYTE_LENGTH} bytes at most`,
      found: `${snapshot.byteLength} bytes`,
      path,
      hint: 'Move it elsewhere, or copy the others by hand.',
    });
  }
  const source = FileSource.open(path);
  try {
    return { name, bytes: await readRange(source, 0, source.byteLength), snapshot };
  } finally {
    source.close();
  }
}

/** Adds an output for each asset. */
export function addAssets(plan: CopyPlanBuilder, assets: readonly Asset[]): void {
  for (const { name, bytes } of assets) {
    const output = plan.addOutput({ name, byteLength: bytes.length });
    plan.addLiteral(output, 0, bytes);
  }
}
