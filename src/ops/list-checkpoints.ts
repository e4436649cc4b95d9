import { stateOfDirectory, type TornOverwrite } from '../dcp/directory.js';
import { DcpCheckpoint } from '../dcp/reader.js';
import { DcpError, FileError } from '../errors.js';
import { listDirectory, pathKind, withoutLastSlash } from '../io/listing.js';
import { dateOf } from '../io/snapshot.js';
import { type FoundCheckpoint, findCheckpoints } from './locate.js';
import { openCheckpoint } from './open.js';
import { type SaveState, saveStateOf, tornOverwriteOf } from './save-state.js';

export interface ListedCheckpoint {
  path: string;
  format: FoundCheckpoint['format'];
  /** The number in its name or in that of a directory above: `checkpoint-500`; null where there is none. */
  step: number | null;
  state: SaveState;
  /** Why it is not complete. */
  detail?: string;
  /** When it was written last, ISO 8601. */
  time: string;
  ageSeconds: number;
  /** Bytes of its files. */
  byteLength: number;
}

export interface CheckpointList {
  schema: 1;
  path: string;
  /** By step, then by time: the latest is the last. */
  checkpoints: ListedCheckpoint[];
  /** What {@link latestComplete} gives. */
  latestComplete: string | null;
}

/** Whether a path is a directory of several checkpoints, which cannot be opened as one. */
export function holdsSeveral(path: string): boolean {
  return pathKind(path) === 'directory' && findCheckpoints(path).length > 1;
}

/**
 * Lists the checkpoints in and below a directory. Each is opened to tell its state: indexes are read, no data.
 * @throws FileError where the directory cannot be read, or holds none.
 */
export async function listCheckpoints(path: string, nowMs = Date.now()): Promise<CheckpointList> {
  const base = withoutLastSlash(path);
  listDirectory(path);
  const checkpoints: ListedCheckpoint[] = [];
  for (const found of findCheckpoints(path)) checkpoints.push(await describe(found, base, nowMs));
  if (checkpoints.length === 0) throw new FileError('The directory holds no checkpoint', { path });
  checkpoints.sort(
    (a, b) => (a.step ?? -1) - (b.step ?? -1) || compare(a.time, b.time) || compare(a.path, b.path),
  );
  return { schema: 1, path, checkpoints, latestComplete: latestComplete(base, checkpoints) };
}

/**
 * The path of the newest checkpoint of which nothing lacks. What a trainer saved of one step in several directories
 * (model and optimizer) is one: all of them must be complete, and the directory that holds them is given.
 */
function latestComplete(base: string, checkpoints: readonly ListedCheckpoint[]): string | null {
  const groups = new Map<string, ListedCheckpoint[]>();
  for (const one of checkpoints) {
    const key = savedTogether(base, one.path);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const complete = [...groups].filter(([, group]) => group.every(({ state }) => state === 'complete'));
  const last = complete.at(-1);
  if (last === undefined) return null;
  return last[1].length === 1 ? last[1][0]!.path : last[0];
}

/** The child of the base that a checkpoint lies in, if its name has a step; otherwise the base. */
function savedTogether(base: string, path: string): string {
  const child = path.slice(base.length + 1).split('/')[0]!;
  return stepOf('', child) === null ? base : `${base}/${child}`;
}

/** `step-1000`, `epoch=3-step=1200`, `global_step200`, `checkpoint-500`, `iter_0001000`. */
export function stepOf(base: string, path: string): number | null {
  const names = path.slice(base.length).split('/').reverse();
  for (const name of names) {
    const step =
      /step[-_=]?(\d+)/i.exec(name) ??
      /(?:^|[-_.=])(?:checkpoint|ckpt|iter|it|epoch)?[-_=]?(\d+)$/i.exec(name);
    // `pytorch_model_fsdp_0` counts models, not steps.
    if (step !== null && !/_fsdp_\d+$|^(optimizer|scheduler|model)_\d+$/.test(name)) return Number(step[1]);
  }
  return null;
}

async function describe(found: FoundCheckpoint, base: string, nowMs: number): Promise<ListedCheckpoint> {
  const entries = listDirectory(found.path);
  const files = entries.filter(({ kind }) => kind === 'file');
  const newestNs = files.reduce((newest, { mtimeNs }) => (mtimeNs > newest ? mtimeNs : newest), 0n);
  const time = dateOf(newestNs);
  return {
    ...found,
    step: stepOf(base, found.path),
    ...(await stateOf(found, nowMs)),
    time: time.toISOString(),
    ageSeconds: Math.max(0, Math.round((nowMs - time.getTime()) / 1000)),
    byteLength: files.reduce((sum, { byteLength }) => sum + byteLength, 0),
  };
}

async function stateOf(
  { path, format }: FoundCheckpoint,
  nowMs: number,
): Promise<Pick<ListedCheckpoint, 'state' | 'detail'>> {
  if (format === 'dcp') {
    const state = stateOfDirectory(listDirectory(path), nowMs);
    if (state.kind === 'saving' || state.kind === 'dead') return { state: state.kind, detail: state.detail };
  }
  try {
    const checkpoint = await openCheckpoint(path);
    try {
      if (!(checkpoint instanceof DcpCheckpoint)) return { state: 'complete' };
      const lacking = reasonOf(() => checkpoint.requireFiles());
      // That the highest ranks are missing shows only as holes.
      if (lacking !== undefined) return { state: 'partly_copied', detail: lacking };
      const state = saveStateOf(checkpoint, nowMs);
      const torn = tornOverwriteOf(checkpoint);
      return torn === undefined ? { state } : { state, detail: tornText(torn) };
    } finally {
      checkpoint.close();
    }
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    return { state: 'unreadable', detail: error.what };
  }
}

function tornText({ newer }: TornOverwrite): string {
  const files = newer.length === 1 ? '1 data file is' : `${newer.length} data files are`;
  return `${files} newer than .metadata, such as ${newer[0]!.name}: a later save died there, or it was copied without its times`;
}

function reasonOf(action: () => void): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof DcpError)
      return `${error.what}${error.found === undefined ? '' : ` (found ${error.found})`}`;
    throw error;
  }
  return undefined;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
