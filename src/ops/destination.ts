import { type CopyOptions, type CopyReport, runCopy, streamCopy } from '../copy/copy.js';
import type { CopyPlan } from '../copy/plan.js';
import type { ByteSink } from '../copy/stream.js';
import { hasSeveralTiles } from '../copy/tiles.js';
import { METADATA_NAME } from '../dcp/directory.js';
import { readFileNames } from '../dcp/reader.js';
import { UsageError } from '../errors.js';
import type { JournalFile } from '../io/journal-file.js';
import type { Leftover } from '../io/leftovers.js';
import { listNames, pathKind, withoutLastSlash } from '../io/listing.js';
import type { IndexNames } from '../io/merging.js';
import { OutputDirectory } from '../io/output-directory.js';
import { OutputFile } from '../io/output-file.js';
import { requireRoom } from '../io/room.js';
import type { WritableFile } from '../io/temporary-file.js';
import { INDEX_NAME, SINGLE_NAME } from '../safetensors/index-file.js';
import { readShardNames } from '../safetensors/reader.js';
import { type Cleared, clearDeadRuns } from './leftovers.js';
import { STATE_JSON_NAME, STATE_NAME } from './state-file.js';
import {
  encodeHeader,
  isWorthResuming,
  JournalledTiles,
  type Origin,
  requireSamePlan,
  type UnfinishedConversion,
  withKept,
} from './unfinished.js';
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
   * other error, the destination is what it was. With `origin`, what is done is noted, so that a later run can go on.
   */
  deliver(plan: CopyPlan, options: CopyOptions, check: OutputCheck, origin?: Origin): Promise<Delivery>;
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
  /** Whether an earlier run's output is gone on with. */
  isContinued: boolean;
  openJournal(header: string): JournalFile;
  /** Leaves all for a later run; before `commit` only. */
  suspend(): void;
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
  /** Go on with an unfinished conversion, if there is one, and leave one behind if this run ends early. */
  resume?: boolean;
}

/** @throws UsageError at once where the name is taken and neither force nor skipExisting was asked for. */
export function fileDestination(path: string, options: DestinationOptions): Destination {
  const { warnings, unfinished }: Cleared =
    options.dryRun === true ? { warnings: [] } : clearDeadRuns(path, DCP_LAYOUT, options);
  const exists = (): boolean => pathKind(path) === 'file';
  if (exists() && options.force !== true && options.skipExisting !== true) throw alreadyThere(path, options);
  return {
    kind: 'file',
    path,
    archivePath: path,
    warnings,
    exists,
    existingPaths: () => [path],
    replacedPaths: async () => [path],
    deliver: (plan, copyOptions, check, origin) => {
      prepare({ plan, path, unfinished, origin, isReplacing: exists() });
      const file = OutputFile.create(path, {
        force: options.force ?? false,
        sync: options.sync ?? true,
        unfinished,
      });
      preparing(file, () => file.preallocate(plan.outputs[0]!.byteLength));
      const output: PendingOutput = {
        path: file.temporaryPath,
        temporaryPaths: [file.temporaryPath],
        flush: () => file.sync(),
        commit: () => file.commit(),
        discard: () => file.discard(),
        isContinued: file.isContinued,
        openJournal: header => file.openJournal(header),
        suspend: () => file.suspend(),
      };
      return deliver(output, plan, copyOptions, options, check, { origin, unfinished });
    },
  };
}

/** A directory for a checkpoint; other files in it stay. @throws as {@link fileDestination}. */
export function directoryDestination(
  path: string,
  layout: DirectoryLayout,
  options: DestinationOptions,
): Destination {
  const base = withoutLastSlash(path);
  const { warnings, unfinished }: Cleared =
    options.dryRun === true ? { warnings: [] } : clearDeadRuns(base, layout, options);
  const exists = (): boolean => pathKind(`${base}/${layout.indexName}`) === 'file';
  if (exists() && options.force !== true && options.skipExisting !== true) throw alreadyThere(path, options);
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
    deliver: async (plan, copyOptions, check, origin) => {
      prepare({ plan, path: base, unfinished, origin, isReplacing: exists() });
      const removeAfterwards = await oldNames();
      const directory = OutputDirectory.create(base, {
        indexName: layout.indexName,
        isIndex: layout.isIndex,
        force: options.force ?? false,
        sync: options.sync ?? true,
        unfinished,
      });
      const files: WritableFile[] = [];
      preparing(directory, () => {
        for (const { name, byteLength } of plan.outputs) {
          const file = directory.createFile(name);
          file.preallocate(byteLength);
          files.push(file);
        }
      });
      const output: PendingOutput = {
        path: directory.temporaryPath,
        temporaryPaths: files.map(file => file.temporaryPath),
        flush: async () => {
          for (const file of files) await file.sync();
        },
        commit: () => directory.commit({ removeAfterwards }),
        discard: () => directory.discard(),
        isContinued: directory.isContinued,
        openJournal: header => directory.openJournal(header),
        suspend: () => directory.suspend(),
      };
      return deliver(output, plan, copyOptions, options, check, { origin, unfinished });
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

interface Preparation {
  plan: CopyPlan;
  path: string;
  unfinished: UnfinishedConversion | undefined;
  origin: Origin | undefined;
  isReplacing: boolean;
}

/** Before anything is made: whether what is gone on with is this conversion, and whether there is room for it. */
function prepare({ plan, path, unfinished, origin, isReplacing }: Preparation): void {
  if (unfinished !== undefined && origin !== undefined) requireSamePlan(unfinished, plan, origin, path);
  const byteLength = plan.outputs.reduce((sum, output) => sum + output.byteLength, 0);
  const held = unfinished === undefined ? [] : filesOf(unfinished.leftover);
  requireRoom(path, { byteLength, held, name: path, isReplacing });
}

function filesOf({ kind, path }: Leftover): string[] {
  return kind === 'file' ? [path] : listNames(path).map(name => `${path}/${name}`);
}

interface Resumption {
  origin: Origin | undefined;
  unfinished: UnfinishedConversion | undefined;
}

/** Fills the temporaries, and puts them in place or removes them; with `resume`, leaves them for a later run. */
async function deliver(
  output: PendingOutput,
  plan: CopyPlan,
  options: CopyOptions,
  { sync = true, resume = false }: DestinationOptions,
  check: OutputCheck,
  { origin, unfinished }: Resumption,
): Promise<Delivery> {
  // Flushing can take minutes: what is discarded meanwhile is not put in place.
  const discard = (): void => output.discard();
  let finished: JournalledTiles | undefined;
  let isCommitting = false;
  try {
    if (origin !== undefined && options.crc !== false && (resume || hasSeveralTiles(plan))) {
      const earlier = output.isContinued ? (unfinished?.journal.lines ?? []) : [];
      finished = new JournalledTiles(output.openJournal(encodeHeader(plan, origin)), earlier);
    }
    const report = await runCopy(plan, output.temporaryPaths, {
      ...options,
      finished,
      ...(sync ? { flush: () => output.flush() } : {}),
    });
    await check(output.path);
    isCommitting = true;
    options.signal?.addEventListener('abort', discard);
    const { leftBehind } = await output.commit();
    return { report, leftBehind };
  } catch (error) {
    if (resume && !isCommitting && finished !== undefined && isWorthResuming(error)) {
      output.suspend();
      throw withKept(error, finished, plan.recordByteLength);
    }
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

/** What was there before stays for another try; what is new goes. */
function preparing(output: OutputFile | OutputDirectory, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (output.isContinued && isWorthResuming(error)) output.suspend();
    else output.discard();
    throw error;
  }
}

function alreadyThere(path: string, { skipExisting }: DestinationOptions): UsageError {
  // Only a conversion can be asked to accept what is there.
  const other = ', or --skip-existing to accept it if it is this source converted';
  return new UsageError('The destination exists already', {
    path,
    hint: `Use --force to replace it${skipExisting === undefined ? '' : other}.`,
  });
}
