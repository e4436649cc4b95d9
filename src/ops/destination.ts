import { type CopyOptions, type CopyReport, runCopy, streamCopy } from '../copy/copy.js';
import type { CopyPlan } from '../copy/plan.js';
import type { ByteSink } from '../copy/stream.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { readFileNames } from '../dcp/reader.js';
import { UsageError } from '../errors.js';
import { listNames, pathKind } from '../io/listing.js';
import type { IndexNames } from '../io/merging.js';
import { OutputDirectory } from '../io/output-directory.js';
import { OutputFile } from '../io/output-file.js';
import type { WritableFile } from '../io/temporary-file.js';
import { INDEX_NAME, SINGLE_NAME } from '../safetensors/index-file.js';
import { readShardNames } from '../safetensors/reader.js';
import { clearDeadRuns } from './leftovers.js';
import { STATE_JSON_NAME, STATE_NAME } from './state-file.js';
import type { Warning } from './warnings.js';

/** Where a conversion goes. */
export interface Destination {
  readonly kind: 'file' | 'directory' | 'stream';
  readonly path: string;
  /** The file name after which torch would name the archive inside a torch.save file. */
  readonly archivePath: string;
  /** Of what earlier runs have left here. */
  readonly warnings: readonly Warning[];
  /** Whether something is there that a conversion would replace. */
  exists(): boolean;
  /** Paths of what is there, one an output of the plan. */
  existingPaths(plan: CopyPlan): string[];
  /** Paths of what `force` would replace, or remove with an old checkpoint. They need not exist. */
  replacedPaths(plan: CopyPlan): Promise<string[]>;
  /**
   * Carries out the plan. `check` runs when all is copied and may refuse the result by throwing: then, and after any
   * other error, the destination is what it was.
   */
  deliver(plan: CopyPlan, options: CopyOptions, check: OutputCheck): Promise<Delivery>;
}

/** Looks at a finished output under the temporary path that it has before it is put in place; a stream has none. */
export type OutputCheck = (written: string | undefined) => void | Promise<void>;

export interface Delivery {
  report: CopyReport;
  /** Temporaries that could not be removed. */
  leftBehind: string[];
}

/** Output under temporary names. */
interface PendingOutput {
  /** Where it can be opened as what it will be: the file, or the directory of all files. */
  path: string;
  temporaryPaths: string[];
  /** Brings what was written so far to the device; writing may go on. */
  flush(): Promise<void>;
  commit(): Promise<{ leftBehind: string[] }>;
  discard(): void;
}

/** How a format shares a directory: by which name it is whole, and what goes with an old checkpoint in it. */
export interface DirectoryLayout extends IndexNames {
  /** The data files that the old index names, relative to the directory. */
  readOldNames(directory: string): Promise<string[]>;
}

export interface DestinationOptions {
  force?: boolean;
  skipExisting?: boolean;
  dryRun?: boolean;
  sync?: boolean;
}

/** @throws UsageError at once where the name is taken and neither force nor skipExisting was asked for. */
export function fileDestination(path: string, options: DestinationOptions): Destination {
  const warnings = options.dryRun === true ? [] : clearDeadRuns(path, DCP_LAYOUT);
  const exists = (): boolean => pathKind(path) === 'file';
  if (exists() && options.force !== true && options.skipExisting !== true) throw alreadyThere(path);
  return {
    kind: 'file',
    path,
    archivePath: path,
    warnings,
    exists,
    existingPaths: () => [path],
    replacedPaths: async () => [path],
    deliver: (plan, copyOptions, check) => {
      const file = OutputFile.create(path, {
        force: options.force ?? false,
        sync: options.sync ?? true,
      });
      preallocateOrDiscard(
        () => file.preallocate(plan.outputs[0]!.byteLength),
        () => file.discard(),
      );
      const output: PendingOutput = {
        path: file.temporaryPath,
        temporaryPaths: [file.temporaryPath],
        flush: () => file.sync(),
        commit: () => file.commit(),
        discard: () => file.discard(),
      };
      return deliver(output, plan, copyOptions, options.sync ?? true, check);
    },
  };
}

/** A directory for a checkpoint; other files in it stay. @throws as {@link fileDestination}. */
export function directoryDestination(
  path: string,
  layout: DirectoryLayout,
  options: DestinationOptions,
): Destination {
  const base = path.replace(/(?<=.)\/+$/, '');
  const warnings = options.dryRun === true ? [] : clearDeadRuns(base, layout);
  const exists = (): boolean => pathKind(`${base}/${layout.indexName}`) === 'file';
  if (exists() && options.force !== true && options.skipExisting !== true) throw alreadyThere(path);
  const oldIndexes = (): string[] =>
    pathKind(base) === 'directory' ? listNames(base).filter(layout.isIndex) : [];
  const oldNames = async (): Promise<string[]> => (exists() ? await layout.readOldNames(base) : []);
  return {
    kind: 'directory',
    path,
    archivePath: path,
    warnings,
    exists,
    existingPaths: plan => plan.outputs.map(({ name }) => `${base}/${name}`),
    replacedPaths: async plan =>
      [...plan.outputs.map(({ name }) => name), ...oldIndexes(), ...(await oldNames())].map(
        name => `${base}/${name}`,
      ),
    deliver: async (plan, copyOptions, check) => {
      const removeAfterwards = await oldNames();
      const directory = OutputDirectory.create(base, {
        indexName: layout.indexName,
        isIndex: layout.isIndex,
        force: options.force ?? false,
        sync: options.sync ?? true,
      });
      const files: WritableFile[] = [];
      preallocateOrDiscard(
        () => {
          for (const { name, byteLength } of plan.outputs) {
            const file = directory.createFile(name);
            file.preallocate(byteLength);
            files.push(file);
          }
        },
        () => directory.discard(),
      );
      const output: PendingOutput = {
        path: directory.temporaryPath,
        temporaryPaths: files.map(file => file.temporaryPath),
        flush: async () => {
          for (const file of files) await file.sync();
        },
        commit: () => directory.commit({ removeAfterwards }),
        discard: () => directory.discard(),
      };
      return deliver(output, plan, copyOptions, options.sync ?? true, check);
    },
  };
}

/** A stream: there is nothing to replace, and nothing to take back. */
export function streamDestination(sink: ByteSink): Destination {
  return {
    kind: 'stream',
    path: '-',
    // Torch names the archive so when it saves to a file object.
    archivePath: 'archive',
    warnings: [],
    exists: () => false,
    existingPaths: () => [],
    replacedPaths: async () => [],
    deliver: async (plan, copyOptions, check) => ({
      report: await streamCopy(plan, sink, () => check(undefined), copyOptions),
      leftBehind: [],
    }),
  };
}

/** Fills the temporaries, and puts them in place or removes them. */
async function deliver(
  output: PendingOutput,
  plan: CopyPlan,
  options: CopyOptions,
  withSync: boolean,
  check: OutputCheck,
): Promise<Delivery> {
  // Flushing can take minutes: what is discarded meanwhile is not put in place.
  const discard = (): void => output.discard();
  try {
    const report = await runCopy(plan, output.temporaryPaths, {
      ...options,
      ...(withSync ? { flush: () => output.flush() } : {}),
    });
    await check(output.path);
    options.signal?.addEventListener('abort', discard);
    const { leftBehind } = await output.commit();
    return { report, leftBehind };
  } catch (error) {
    discard();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', discard);
  }
}

const RANK_INDEX = /^__\d+\.metadata$/;
export const DCP_LAYOUT: DirectoryLayout = {
  indexName: METADATA_NAME,
  isIndex: name => name === METADATA_NAME || RANK_INDEX.test(name),
  readOldNames: readFileNames,
};

/**
 * A model in one file (`model.safetensors`) is a whole too, and would be taken for the model beside the new index; a
 * state file would be taken for a part of it.
 */
export const SAFETENSORS_LAYOUT: DirectoryLayout = {
  indexName: INDEX_NAME,
  isIndex: name => [INDEX_NAME, SINGLE_NAME, STATE_NAME].includes(name),
  readOldNames: async directory => [...(await readShardNames(directory)), STATE_NAME, STATE_JSON_NAME],
};

function preallocateOrDiscard(action: () => void, discard: () => void): void {
  try {
    action();
  } catch (error) {
    discard();
    throw error;
  }
}

function alreadyThere(path: string): UsageError {
  return new UsageError('The destination exists already', {
    path,
    hint: 'Use --force to replace it, or --skip-existing to accept it if it is this source converted.',
  });
}
