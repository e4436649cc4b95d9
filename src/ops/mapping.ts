import { createRequire } from 'node:module';
import { decodeUtf8 } from '../bytes.js';
import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { FileError, FormatError, UsageError, withContext } from '../errors.js';
import { listNames, pathKind } from '../io/listing.js';
import { readWholeFile } from '../io/source.js';
import { decodeKeyMap } from '../mapping/decode-key-map.js';
import { type MappedCheckpoint, mapCheckpoint } from '../mapping/mapped-checkpoint.js';
import { type ParameterSources, Parameters } from '../mapping/parameters.js';
import { reverseKeyMap } from '../mapping/reverse.js';
import { suggest } from './suggest.js';

/** A map of keys, and what it calculates with. */
export interface MapOptions {
  /** A file, or the name of a map that this package has: `torchtitan-llama3`. */
  file: string;
  /** Undo the map instead: what it makes becomes what it takes. */
  reverse?: boolean;
  /** A model's `config.json`. Default: the one beside the source, or among the assets to be copied. */
  config?: string;
  /** Numbers that count instead of those of map and config, by name. */
  parameters?: Readonly<Record<string, number>>;
}

/** Maps and configs are some kilobytes long. */
const MAX_JSON_BYTE_LENGTH = 16 << 20;
const CONFIG_NAME = 'config.json';

/**
 * Applies a map to a checkpoint.
 * @param directories where to look for a config besides that of the source.
 * @throws FileError, FormatError for map and config; as {@link mapCheckpoint}.
 */
export async function mapAsAsked(
  checkpoint: Checkpoint,
  options: MapOptions,
  directories: readonly string[],
): Promise<MappedCheckpoint> {
  const mapPath = findMap(options.file);
  const text = await readText(mapPath);
  const map = withContext({ path: mapPath }, () => {
    const decoded = decodeKeyMap(text);
    return decoded.isReversed === (options.reverse ?? false) ? decoded.map : reverseKeyMap(decoded.map);
  });
  const sources = await readConfig(options, [checkpoint.path, ...directories]);
  for (const [name, value] of sources.given) {
    if (!(Number.isSafeInteger(value) && value >= 0)) {
      throw new UsageError(`The parameter ${name} is no whole number`, { found: value });
    }
  }
  return mapCheckpoint(checkpoint, map, new Parameters(map, sources));
}

/** The file of a map. A name without slash and ending is that of a map of this package, unless there is such a file. */
function findMap(file: string): string {
  if (/[/\\.]/.test(file) || pathKind(file) === 'file') return file;
  const resolve = createRequire(import.meta.url).resolve;
  const directory = resolve('torch-dcp/maps/key-map.schema.json').replace(/[/\\][^/\\]+$/, '');
  const known = listNames(directory)
    .filter(name => /^[^.]+\.json$/.test(name))
    .map(name => name.slice(0, -'.json'.length));
  if (known.includes(file)) return `${directory}/${file}.json`;
  const nearest = suggest(file, known);
  throw new UsageError(`There is no map ${file}`, {
    expected: `a file, or one of ${known.join(', ')}`,
    ...(nearest === undefined ? {} : { hint: `Did you mean ${nearest}?` }),
  });
}

async function readConfig(
  { config: given, parameters }: MapOptions,
  places: readonly string[],
): Promise<ParameterSources> {
  const path = given ?? places.map(configBeside).find(candidate => pathKind(candidate) === 'file');
  const numbers = new Map(Object.entries(parameters ?? {}));
  if (path === undefined) return { config: undefined, configPath: undefined, given: numbers };
  const text = await readText(path);
  try {
    return { config: JSON.parse(text), configPath: path, given: numbers };
  } catch (error) {
    throw new FormatError('The config is no JSON', { found: (error as Error).message, path });
  }
}

function configBeside(path: string): string {
  const directory = pathKind(path) === 'directory' ? path : path.replace(/[^/]*$/, '.');
  return `${directory}/${CONFIG_NAME}`;
}

async function readText(path: string): Promise<string> {
  if (pathKind(path) !== 'file') {
    throw new FileError(`There is no such file`, { expected: 'a JSON file', found: pathKind(path), path });
  }
  const tooLarge = 'The file is too large for a map or a config';
  return decodeUtf8(await readWholeFile(path, MAX_JSON_BYTE_LENGTH, tooLarge));
}
