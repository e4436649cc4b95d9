import { FileError } from '../errors.js';
import { type DirectoryEntry, listDirectory } from '../io/listing.js';
import { dateOf } from '../io/snapshot.js';

/** The index of a finished checkpoint, and what torch calls it while it writes it. */
export const METADATA_NAME = '.metadata';
export const METADATA_TEMPORARY_NAME = '.metadata.tmp';
/** The index of one rank, where each saved its own. */
export const RANK_METADATA = /^__(0|[1-9]\d*)\.metadata$/;
export const DATA_FILE = /^__(0|[1-9]\d*)_(\d+)\.distcp$/;

/** A data file that changed so recently belongs to a save that may still run. */
const RECENT_SECONDS = 120;
/** How far the clock of a file server may be ahead of ours. */
const MAX_AHEAD_SECONDS = 24 * 3600;

/** Whether a file of this time may belong to a save that still runs. Clocks differ, but not by days. */
export function isRecent(mtimeNs: bigint, nowMs: number): boolean {
  const seconds = secondsSince(mtimeNs, nowMs);
  return seconds <= RECENT_SECONDS && seconds >= -MAX_AHEAD_SECONDS;
}

/** Negative for a time that is still to come, by the clock here. */
function secondsSince(mtimeNs: bigint, nowMs: number): number {
  return Math.round((nowMs - Number(mtimeNs / 1_000_000n)) / 1000);
}

function agoText(seconds: number): string {
  return seconds < 0 ? `${-seconds} s ahead of the clock here` : `${seconds} s ago`;
}

/** What the names and times in a directory say about a checkpoint in it. */
export type DirectoryState =
  /** `.metadata` is there: torch writes it last. */
  | { kind: 'complete' }
  /** No `.metadata` yet, and something was written moments ago. */
  | { kind: 'saving'; detail: string }
  /** Data files without `.metadata`, and nothing happens any more. */
  | { kind: 'dead'; detail: string }
  /** One `__R.metadata` a rank, saved with `use_collectives=False`. */
  | { kind: 'rank-metadata' }
  /** No file of a DCP checkpoint. */
  | { kind: 'none' };

export function stateOfDirectory(entries: readonly DirectoryEntry[], nowMs: number): DirectoryState {
  const names = new Set(entries.map(entry => entry.name));
  if (names.has(METADATA_NAME)) return { kind: 'complete' };
  if (entries.some(entry => RANK_METADATA.test(entry.name))) return { kind: 'rank-metadata' };
  const data = entries.filter(entry => DATA_FILE.test(entry.name) || entry.name === METADATA_TEMPORARY_NAME);
  if (data.length === 0) return { kind: 'none' };
  const newest = data.reduce((a, b) => (a.mtimeNs > b.mtimeNs ? a : b));
  const seconds = secondsSince(newest.mtimeNs, nowMs);
  const detail = `${data.length === 1 ? '1 file' : `${data.length} files`} of a save without ${METADATA_NAME}; the last one written is ${newest.name}, ${agoText(seconds)}`;
  return isRecent(newest.mtimeNs, nowMs) ? { kind: 'saving', detail } : { kind: 'dead', detail };
}

/**
 * Requires a checkpoint with its index: one for all ranks, or one a rank.
 * @throws FileError that tells a save in progress, a dead one and a directory of something else apart.
 */
export function requireComplete(path: string, nowMs = Date.now()): void {
  const entries = listDirectory(path);
  const state = stateOfDirectory(entries, nowMs);
  switch (state.kind) {
    case 'complete':
    case 'rank-metadata':
      return;
    case 'saving':
      throw new FileError('A save into this directory seems to be in progress: it has no .metadata yet', {
        found: state.detail,
        path,
        hint: 'Wait until the save is complete; torch writes .metadata last.',
      });
    case 'dead':
      throw new FileError('A save into this directory died before it was complete: it has no .metadata', {
        found: state.detail,
        path,
        hint: 'Use an earlier checkpoint; without its index the data cannot be put together.',
      });
    case 'none': {
      const children = entries.filter(entry => entry.kind === 'directory').map(entry => entry.name);
      const inside = children.filter(name => hasMetadata(`${path}/${name}`));
      throw new FileError('The directory holds no DCP checkpoint', {
        expected: METADATA_NAME,
        found: entries.length === 0 ? 'an empty directory' : `${entries.length} other entries`,
        path,
        ...(inside.length === 0 ? {} : { hint: `Did you mean ${namesOf(path, inside)}?` }),
      });
    }
  }
}

/** The first few, and how many more there are. */
function namesOf(path: string, names: readonly string[]): string {
  const shown = names.slice(0, MAX_SUGGESTIONS).map(name => `${path.replace(/\/+$/, '')}/${name}`);
  const more = names.length - shown.length;
  return more === 0 ? shown.join(' or ') : `${shown.join(', ')} or one of ${more} more`;
}

const MAX_SUGGESTIONS = 3;

function hasMetadata(path: string): boolean {
  try {
    return listDirectory(path).some(entry => entry.name === METADATA_NAME);
  } catch {
    return false;
  }
}

/** Data files that are newer than the index: torch writes `.metadata` last, so they are not of its save. */
export interface TornOverwrite {
  indexTime: Date;
  /** Sorted, newest first. */
  newer: { name: string; time: Date }[];
}

/** Times closer than this say nothing: the clock of FAT, and what unpacking or cloning a small checkpoint takes. */
const CLOCK_NS = 2_000_000_000n;

/**
 * Looks for the trace of a second save that died in the directory of a first one: its data files replaced some
 * of the old, the old index still stands, and every size and checksum is right. A plain copy of a finished
 * checkpoint can leave the same times.
 */
export function findTornOverwrite(
  indexTimeNs: bigint,
  files: readonly { name: string; mtimeNs: bigint }[],
): TornOverwrite | undefined {
  const newer = files
    .filter(file => file.mtimeNs > indexTimeNs + CLOCK_NS)
    .sort((a, b) => (a.mtimeNs < b.mtimeNs ? 1 : -1))
    .map(file => ({ name: file.name, time: dateOf(file.mtimeNs) }));
  return newer.length === 0 ? undefined : { indexTime: dateOf(indexTimeNs), newer };
}
