import { type Entry, type ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import { proveCoverage } from '../../checkpoint/coverage.js';
import { DATA_FILE, METADATA_NAME, METADATA_TEMPORARY_NAME, RANK_METADATA } from '../../dcp/directory.js';
import { rankOfFile } from '../../dcp/entries.js';
import { type DcpCheckpoint, openDcp } from '../../dcp/reader.js';
import type { DcpError } from '../../errors.js';
import { listDirectory } from '../../io/listing.js';
import { inspectFiles, missingRanksOf } from '../completeness.js';
import { saveStateOf, tornOverwriteOf } from '../save-state.js';
import { attempt, type CheckContext, type CheckedCheckpoint, findableError } from './context.js';
import { checkItems, itemsOf } from './item-check.js';

/** Checks a DCP directory whose index is there. */
export async function checkDcp(path: string, context: CheckContext): Promise<CheckedCheckpoint> {
  const { findings, account } = context;
  let checkpoint: DcpCheckpoint;
  try {
    checkpoint = await openDcp(path);
  } catch (error) {
    const found = findableError(error);
    const relativePath = found.context.path?.startsWith(`${path}/`)
      ? found.context.path.slice(path.length + 1)
      : METADATA_NAME;
    findings.addError('index', found, { relativePath });
    for (const { name, kind, byteLength } of listDirectory(path))
      if (kind === 'file') account.addFile(name, byteLength);
    return { state: 'unreadable', checkpoint: undefined, isResolved: false, snapshots: [] };
  }
  const state = saveStateOf(checkpoint);
  const snapshots = [...checkpoint.indexSnapshots, ...checkpoint.fileSnapshots].filter(
    snapshot => snapshot !== undefined,
  );
  const base = checkpoint.directory!.replace(/(?<=.)\/+$/, '');
  for (const { path: indexPath, byteLength } of checkpoint.indexSnapshots)
    account.addFile(indexPath.slice(base.length + 1), byteLength);
  for (const { name, byteLength } of checkpoint.files)
    if (byteLength !== undefined) account.addFile(name, byteLength);

  const items = itemsOf(checkpoint);
  const absent = checkFiles(checkpoint, context);
  checkDirectory(checkpoint, context);
  for (const entry of checkpoint.entries) checkCoverage(checkpoint, entry, context);
  const resolved = await resolveAll(
    checkpoint,
    checkpoint.entries.filter(entry => !absent.has(entry)),
    context,
  );
  await checkItems(checkpoint, items, absent, context);
  for (const [entry, dtype] of checkpoint.castEntries) {
    findings.add('element_type', 'The tensor is stored in another element type than the index says', {
      fqn: entry.fqn,
      expected: entry.dtype.name,
      found: dtype.name,
    });
  }
  return { state, checkpoint, isResolved: resolved && absent.size === 0, snapshots };
}

/** Files that are missing or short. Returns the entries that cannot be read for it. */
function checkFiles(checkpoint: DcpCheckpoint, { findings }: CheckContext): Set<Entry> {
  const files = inspectFiles(checkpoint);
  const absent = new Set<Entry>();
  const wanting = new Map<number, Entry[]>();
  const isHere = (file: number, end: number): boolean => (files[file]?.byteLength ?? -1) >= end;
  const want = (entry: Entry, file: number, end: number): void => {
    if (isHere(file, end)) return;
    absent.add(entry);
    const known = wanting.get(file);
    if (known === undefined) wanting.set(file, [entry]);
    else if (known.at(-1) !== entry) known.push(entry);
  };
  const { chunks } = checkpoint;
  for (const entry of checkpoint.entries) {
    if (entry.kind === 'object') {
      const place = checkpoint.placeOfObject(entry);
      if (place !== undefined) want(entry, place.file, place.byteOffset + place.byteLength);
      continue;
    }
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      if (chunks.isEmpty(chunk)) continue;
      want(entry, chunks.itemFile[chunk]!, chunks.itemByteOffset[chunk]! + chunks.itemByteLength[chunk]!);
    }
  }
  for (const [file, { relativePath, byteLength, requiredByteLength, rank }] of files.entries()) {
    const affected = wanting.get(file) ?? [];
    const details = { relativePath, rank, fqn: affected[0]?.fqn };
    const holds = `${affected.length} tensors and objects of the index are in it`;
    if (byteLength === null) {
      const who = rank === null ? '' : ` of rank ${rank}`;
      findings.add('missing_file', `The data file${who} is missing: ${holds}`, details);
    } else if (requiredByteLength !== undefined) {
      findings.add('short_file', `The data file is shorter than the index says: ${holds} behind its end`, {
        ...details,
        byteOffset: byteLength,
        expected: `${requiredByteLength} bytes at least`,
        found: `${byteLength} bytes`,
      });
    }
  }
  return absent;
}

/** What only the names and times in the directory tell. */
function checkDirectory(checkpoint: DcpCheckpoint, { findings }: CheckContext): void {
  for (const rank of missingRanksOf(checkpoint)) {
    const relativePath = `__${rank}.metadata`;
    findings.add('missing_rank_index', `The index of rank ${rank} is missing`, { relativePath, rank });
  }
  const torn = tornOverwriteOf(checkpoint);
  for (const { name, time } of torn?.newer ?? []) {
    findings.add('newer_data', 'The data file is newer than the index, which torch writes last', {
      relativePath: name,
      rank: rankOfFile({ path: name, name, byteLength: undefined }),
      expected: `${torn!.indexTime.toISOString()} at the latest`,
      found: time.toISOString(),
    });
  }
  const named = new Set(checkpoint.files.map(({ name }) => name));
  const isOfRanks = checkpoint.rankIndexes !== undefined;
  for (const { name, kind, byteLength } of listDirectory(checkpoint.directory!)) {
    const isData = DATA_FILE.test(name) && !named.has(name);
    const isIndex = name === METADATA_TEMPORARY_NAME || (RANK_METADATA.test(name) && !isOfRanks);
    if (kind !== 'file' || !(isData || isIndex)) continue;
    // A rank without data makes an empty file all the same.
    if (isData && byteLength === 0) continue;
    findings.add('orphan_file', 'The index does not name this file: it is of another save', {
      relativePath: name,
      rank: rankOfFile({ path: name, name, byteLength: undefined }),
      found: `${byteLength} bytes`,
    });
  }
}

function checkCoverage(checkpoint: DcpCheckpoint, entry: Entry, { findings }: CheckContext): void {
  if (entry.kind === 'object') return;
  const { chunks } = checkpoint;
  const boxes = Array.from({ length: entry.chunkCount }, (_, i) => chunks.boxOf(entry.firstChunk + i));
  try {
    proveCoverage(entry.shape, boxes);
  } catch (error) {
    const { what, expected, found } = findableError(error);
    findings.add('coverage', what, { fqn: entry.fqn, expected, found });
  }
}

/** All at once; where something is wrong, one by one, so that each says it. Returns whether nothing is. */
async function resolveAll(
  checkpoint: DcpCheckpoint,
  entries: readonly Entry[],
  { findings }: CheckContext,
): Promise<boolean> {
  const tensors = entries.filter((entry): entry is TensorEntry => entry instanceof TensorEntry);
  const objects = entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  const report =
    (rule: 'tensor' | 'object', fqn: string) =>
    (error: DcpError): void => {
      const file = checkpoint.files.find(({ path }) => path === error.context.path);
      findings.addError(error.code === 'file' ? 'unreadable' : rule, error, {
        fqn,
        relativePath: file?.name,
        rank: file && rankOfFile(file),
      });
    };
  let isWhole = true;
  if (
    !(await attempt(
      () => checkpoint.resolve(tensors),
      () => {},
    ))
  ) {
    for (const entry of tensors)
      if (!(await attempt(() => checkpoint.resolve([entry]), report('tensor', entry.fqn)))) isWhole = false;
  }
  if (
    !(await attempt(
      () => checkpoint.loadObjects(objects),
      () => {},
    ))
  ) {
    for (const entry of objects)
      if (!(await attempt(() => checkpoint.loadObjects([entry]), report('object', entry.fqn))))
        isWhole = false;
  }
  return isWhole;
}
