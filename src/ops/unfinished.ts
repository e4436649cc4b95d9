/**
 * What a conversion that ended in the middle has left, and going on with it. A journal beside the unfinished output
 * says of which plan and source it is, and which tiles are done, with their CRC-32s; they are read back before they
 * are believed.
 */

import { fingerprintOf } from '../copy/fingerprint.js';
import type { FinishedTiles } from '../copy/finished-tiles.js';
import type { CopyPlan } from '../copy/plan.js';
import type { RangeCrc, TileResult } from '../copy/tile.js';
import { DcpError, fromPlainError, InterruptedError, toPlainError, UsageError } from '../errors.js';
import { type JournalFile, readJournal } from '../io/journal-file.js';
import type { Leftover } from '../io/leftovers.js';
import type { Unfinished } from '../io/output-file.js';
import type { FileSnapshot } from '../io/snapshot.js';
import { isSystemFailure } from '../io/source.js';

/** Goes up when a journal of today could be misread by what was before. */
const JOURNAL_VERSION = 1;

/** What a conversion is made from. */
export interface Origin {
  path: string;
  /** Of every file that is read, as they were when it was planned. */
  snapshots: readonly FileSnapshot[];
}

/** The first line of a journal. */
interface Header {
  dcp_journal: number;
  fingerprint: string;
  source: string;
  /** Path, bytes, time of the last change, inode and device; the last three as text. */
  files: [path: string, byteLength: number, mtimeNs: string, inode: string, device: string][];
  /** Bytes of all tensors and other storages. */
  byte_total: number;
}

/** An unfinished conversion with something in it that is worth keeping. */
export interface UnfinishedConversion extends Unfinished {
  header: Header;
  /** Bytes of finished tiles, as the journal has them. */
  byteLength: number;
}

/** @returns undefined where the leftover has no journal, or one that says of no tile that it is done. */
export function readUnfinished(leftover: Leftover): UnfinishedConversion | undefined {
  if (leftover.journalPath === undefined || leftover.holdsReplaced) return undefined;
  const journal = readJournal(leftover.journalPath);
  const header = parseHeader(journal.lines[0]);
  if (header === undefined) return undefined;
  const byteLength = journal.lines
    .slice(1)
    .reduce((sum, line) => sum + (parseTile(line)?.result.byteLength ?? 0), 0);
  return byteLength === 0 ? undefined : { leftover, journal, header, byteLength };
}

/** @throws UsageError naming what the unfinished conversion was made from, where that is not this plan and source. */
export function requireSamePlan(
  unfinished: UnfinishedConversion,
  plan: CopyPlan,
  origin: Origin,
  destination: string,
): void {
  const { header } = unfinished;
  const refuse = (what: string, details: { expected?: string; found?: string; path?: string }): never => {
    throw new UsageError(what, {
      path: destination,
      ...details,
      hint: 'Without --resume, --force removes it and starts again.',
    });
  };
  const now = headerOf(plan, origin);
  const known = new Map(header.files.map(file => [file[0], file]));
  if (!now.files.every(([path]) => known.has(path)) || now.files.length !== header.files.length) {
    refuse('The unfinished conversion to this destination is of another source', {
      expected: origin.path,
      found: header.source,
    });
  }
  for (const file of now.files) {
    const [path, byteLength, mtimeNs, inode, device] = known.get(file[0])!;
    const changes = [
      ...(byteLength === file[1] ? [] : [`its size, from ${byteLength} to ${file[1]} bytes`]),
      ...(mtimeNs === file[2] ? [] : ['its modification time']),
      ...(inode === file[3] && device === file[4] ? [] : ['the file behind its name']),
    ];
    if (changes.length === 0) continue;
    refuse(`The source has changed since the unfinished conversion was begun: ${changes.join(', ')}`, {
      path,
    });
  }
  if (header.fingerprint === now.fingerprint) return;
  refuse(
    'The unfinished conversion to this destination was begun with other options, or by another release',
    {
      expected: `a plan of ${now.byte_total} bytes, ${now.fingerprint.slice(0, 12)}`,
      found: `one of ${header.byte_total} bytes, ${header.fingerprint.slice(0, 12)}`,
    },
  );
}

/** The first line of the journal of a plan. */
export function encodeHeader(plan: CopyPlan, origin: Origin): string {
  return JSON.stringify(headerOf(plan, origin));
}

function headerOf(plan: CopyPlan, { path, snapshots }: Origin): Header {
  return {
    dcp_journal: JOURNAL_VERSION,
    fingerprint: fingerprintOf(plan),
    source: path,
    files: snapshots.map(({ path, byteLength, mtimeNs, inode, device }) => [
      path,
      byteLength,
      String(mtimeNs),
      String(inode),
      String(device),
    ]),
    byte_total: plan.recordByteLength,
  };
}

/** The journal of a run as the engine sees it. */
export class JournalledTiles implements FinishedTiles {
  private readonly earlier = new Map<number, TileResult>();
  /** Bytes of tiles that this run has noted. */
  private notedByteLength = 0;

  constructor(
    private readonly journal: JournalFile,
    earlierLines: readonly string[],
  ) {
    for (const line of earlierLines) {
      const tile = parseTile(line);
      if (tile !== undefined) this.earlier.set(tile.position, tile.result);
    }
  }

  of(tile: number): TileResult | undefined {
    return this.earlier.get(tile);
  }

  note(tile: number, result: TileResult): void {
    this.notedByteLength += result.byteLength;
    this.earlier.delete(tile);
    this.journal.add(encodeTile(tile, result));
  }

  /** Bytes of tiles that a later run need not copy. */
  get byteLength(): number {
    return [...this.earlier.values()].reduce((sum, tile) => sum + tile.byteLength, this.notedByteLength);
  }
}

/** Whether going on later makes sense: nothing says that the result would be wrong. */
export function isWorthResuming(error: unknown): boolean {
  return error instanceof InterruptedError || isSystemFailure(error);
}

/** The same error, which says that what is done is kept. */
export function withKept(error: unknown, { byteLength }: JournalledTiles, total: number): unknown {
  if (!(error instanceof DcpError)) return error;
  const hint = `${byteLength} of ${total} bytes are done and kept beside the destination, which is what it was before: the same command with --resume finishes it.`;
  return fromPlainError({ ...toPlainError(error), hint });
}

type TileLine = [
  position: number,
  byteLength: number,
  records: Range[],
  storages: Range[],
  overflows: number[][],
];
type Range = [index: number, start: number, byteLength: number, crc32: number];

function encodeTile(
  position: number,
  { byteLength, recordCrcs, storageCrcs, overflows }: TileResult,
): string {
  const ranges = (crcs: readonly RangeCrc[]): Range[] =>
    crcs.map(({ index, start, byteLength, crc32 }) => [index, start, byteLength, crc32]);
  const line: TileLine = [
    position,
    byteLength,
    ranges(recordCrcs),
    ranges(storageCrcs),
    overflows.map(({ record, count }) => [record, count]),
  ];
  return JSON.stringify(line);
}

function parseTile(line: string): { position: number; result: TileResult } | undefined {
  try {
    const [position, byteLength, records, storages, overflows] = JSON.parse(line) as TileLine;
    const ranges = (rows: Range[]): RangeCrc[] =>
      rows.map(([index, start, byteLength, crc32]) => ({ index, start, byteLength, crc32 }));
    const result: TileResult = {
      byteLength,
      recordCrcs: ranges(records),
      storageCrcs: ranges(storages),
      overflows: overflows.map(([record = 0, count = 0]) => ({ record, count })),
    };
    const sum = result.recordCrcs.reduce((total, range) => total + range.byteLength, 0);
    return Number.isSafeInteger(position) && sum === byteLength ? { position, result } : undefined;
  } catch {
    return undefined;
  }
}

function parseHeader(line: string | undefined): Header | undefined {
  try {
    const header = JSON.parse(line ?? '') as Header;
    const { dcp_journal, fingerprint, source, files, byte_total } = header;
    const isWhole =
      dcp_journal === JOURNAL_VERSION &&
      typeof fingerprint === 'string' &&
      typeof source === 'string' &&
      Number.isSafeInteger(byte_total) &&
      files.every(file => Array.isArray(file) && file.length === 5);
    return isWhole ? header : undefined;
  } catch {
    return undefined;
  }
}
