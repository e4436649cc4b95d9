import type { CopyPlan } from '../copy/plan.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { readFileNames } from '../dcp/reader.js';
import { UsageError } from '../errors.js';
import { pathKind } from '../io/listing.js';
import type { IndexNames } from '../io/merging.js';
import { OutputDirectory } from '../io/output-directory.js';
import { OutputFile } from '../io/output-file.js';
import type { WritableFile } from '../io/temporary-file.js';
import { clearDeadRuns } from './leftovers.js';
import type { Warning } from './warnings.js';

/** Where a conversion goes: made under temporary names, put in place whole. */
export interface Destination {
  readonly path: string;
  /** Of what earlier runs have left here. */
  readonly warnings: readonly Warning[];
  /** Whether something is there that a conversion would replace. */
  exists(): boolean;
  /** Paths of what is there, one an output of the plan. */
  existingPaths(plan: CopyPlan): string[];
  /** Paths of what `force` would replace, or remove with an old checkpoint. They need not exist. */
  replacedPaths(plan: CopyPlan): Promise<string[]>;
  /** Makes the temporaries. @throws UsageError, FileError */
  create(plan: CopyPlan): Promise<PendingOutput>;
}

export interface PendingOutput {
  temporaryPaths: string[];
  /** Brings what was written so far to the device; writing may go on. */
  flush(): Promise<void>;
  commit(): Promise<{ leftBehind: string[] }>;
  discard(): void;
}

interface DestinationOptions {
  force?: boolean;
  skipExisting?: boolean;
  dryRun?: boolean;
  sync?: boolean;
}

/** @throws UsageError at once where the name is taken and neither force nor skipExisting was asked for. */
export function fileDestination(path: string, options: DestinationOptions): Destination {
  const warnings = options.dryRun === true ? [] : clearDeadRuns(path, INDEX);
  const exists = (): boolean => pathKind(path) === 'file';
  if (exists() && options.force !== true && options.skipExisting !== true) throw alreadyThere(path);
  return {
    path,
    warnings,
    exists,
    existingPaths: () => [path],
    replacedPaths: async () => [path],
    create: async plan => {
      const file = OutputFile.create(path, {
        force: options.force ?? false,
        sync: options.sync ?? true,
      });
      preallocateOrDiscard(
        () => file.preallocate(plan.outputs[0]!.byteLength),
        () => file.discard(),
      );
      return {
        temporaryPaths: [file.temporaryPath],
        flush: () => file.sync(),
        commit: () => file.commit(),
        discard: () => file.discard(),
      };
    },
  };
}

/** A directory for a DCP checkpoint; other files in it stay. @throws as {@link fileDestination}. */
export function directoryDestination(path: string, options: DestinationOptions): Destination {
  const base = path.replace(/(?<=.)\/+$/, '');
  const warnings = options.dryRun === true ? [] : clearDeadRuns(base, INDEX);
  const exists = (): boolean => pathKind(`${base}/${METADATA_NAME}`) === 'file';
  if (exists() && options.force !== true && options.skipExisting !== true) throw alreadyThere(path);
  const oldNames = async (): Promise<string[]> => (exists() ? await readFileNames(base) : []);
  return {
    path,
    warnings,
    exists,
    existingPaths: plan => plan.outputs.map(({ name }) => `${base}/${name}`),
    replacedPaths: async plan =>
      [...plan.outputs.map(({ name }) => name), ...(await oldNames())].map(name => `${base}/${name}`),
    create: async plan => {
      const removeAfterwards = await oldNames();
      const directory = OutputDirectory.create(base, {
        ...INDEX,
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
      return {
        temporaryPaths: files.map(file => file.temporaryPath),
        flush: async () => {
          for (const file of files) await file.sync();
        },
        commit: () => directory.commit({ removeAfterwards }),
        discard: () => directory.discard(),
      };
    },
  };
}

const RANK_INDEX = /^__\d+\.metadata$/;
/** What makes a directory hold a checkpoint. */
const INDEX: IndexNames = {
  indexName: METADATA_NAME,
  isIndex: name => name === METADATA_NAME || RANK_INDEX.test(name),
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
