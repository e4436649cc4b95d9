import { type Checkpoint, TensorEntry } from '../../checkpoint/checkpoint.js';
import { takeSnapshot } from '../../io/snapshot.js';
import { FileSource, readRange } from '../../io/source.js';
import { pickleExtent } from '../../pickle/extent.js';
import { HEAD_BYTE_LENGTH, isGzip, isLegacyTorch, isZip } from '../../torch/magic.js';
import { openTorchFile } from '../../torch/reader.js';
import { checkArchive } from './archive-check.js';
import { attempt, type CheckContext, type CheckedCheckpoint } from './context.js';

/** Checks a torch.save file: its container, its pickle, that every storage is there, and its checksums. */
export async function checkTorchFile(
  path: string,
  relativePath: string,
  context: CheckContext,
): Promise<CheckedCheckpoint> {
  const { findings, account } = context;
  const snapshot = takeSnapshot(path);
  account.addFile(relativePath, snapshot.byteLength);
  let checkpoint: Checkpoint | undefined;
  let isResolved = false;
  const failures: Parameters<Parameters<typeof attempt>[1]>[0][] = [];
  await attempt(
    async () => {
      checkpoint = await openTorchFile(path);
      await checkpoint.resolve([]);
      isResolved = true;
    },
    error => failures.push(error),
  );
  await attempt(
    () => checkContainer(path, relativePath, checkpoint, context),
    error => findings.addError('unreadable', error, { relativePath }),
  );
  // The archive's own faults are told first: they say more than what reading it stumbled over.
  for (const error of failures) findings.addError('index', error, { relativePath });
  return {
    state: checkpoint === undefined ? 'unreadable' : 'complete',
    checkpoint,
    isResolved,
    snapshots: [snapshot],
  };
}

async function checkContainer(
  path: string,
  relativePath: string,
  checkpoint: Checkpoint | undefined,
  context: CheckContext,
): Promise<void> {
  const file = FileSource.open(path);
  let source = file;
  try {
    let head = await readRange(file, 0, Math.min(HEAD_BYTE_LENGTH, file.byteLength));
    const isCompressed = isGzip(head);
    if (isCompressed) {
      if (checkpoint === undefined) return;
      accountGzip(relativePath, head, file.byteLength, context);
      source = FileSource.open(checkpoint.files[0]!.path);
      head = await readRange(source, 0, Math.min(HEAD_BYTE_LENGTH, source.byteLength));
    }
    if (isLegacyTorch(head)) {
      if (checkpoint !== undefined && !isCompressed)
        await accountLegacy(source, relativePath, checkpoint, context);
      return;
    }
    // What is no archive any more can still have the end of one: then that is what is told.
    if (!isZip(head) && checkpoint === undefined) return;
    const fqns = fqnsByPlace(checkpoint);
    await checkArchive(
      {
        source,
        path: source.name,
        byteOffset: 0,
        relativePath,
        rank: undefined,
        isStored: !isCompressed,
        fqnAt: dataByteOffset => fqns.get(dataByteOffset),
        endsWithArchive: false,
      },
      context,
    );
    await context.checksums.flush();
  } finally {
    if (source !== file) source.close();
    file.close();
  }
}

/** The first tensor of each storage, by where the storage begins. */
function fqnsByPlace(checkpoint: Checkpoint | undefined): Map<number, string> {
  const fqns = new Map<number, string>();
  for (const entry of checkpoint?.entries ?? []) {
    if (!(entry instanceof TensorEntry) || entry.storage === undefined) continue;
    const { file, byteOffset } = checkpoint!.storages.at(entry.storage);
    if (file === 0 && !fqns.has(byteOffset)) fqns.set(byteOffset, entry.fqn);
  }
  return fqns;
}

/** The signature, then a method, flags, a time, two bytes that nobody reads. RFC 1952. */
const GZIP_SIGNATURE_BYTE_LENGTH = 3;
const GZIP_HEADER_BYTE_LENGTH = 10;
const GZIP_FLAGS = { HEADER_CRC: 2, EXTRA: 4, NAME: 8, COMMENT: 16 };

/** Opening it has compared the CRC-32 of what it holds. */
function accountGzip(
  relativePath: string,
  head: Uint8Array,
  byteLength: number,
  { account }: CheckContext,
): void {
  const flags = head[3]!;
  let at = GZIP_HEADER_BYTE_LENGTH;
  if (flags & GZIP_FLAGS.EXTRA) at += 2 + head[at]! + 256 * head[at + 1]!;
  for (const flag of [GZIP_FLAGS.NAME, GZIP_FLAGS.COMMENT]) {
    if (!(flags & flag)) continue;
    const end = head.indexOf(0, at);
    at = end < 0 ? byteLength : end + 1;
  }
  if (flags & GZIP_FLAGS.HEADER_CRC) at += 2;
  account.add(relativePath, 0, GZIP_SIGNATURE_BYTE_LENGTH, 'structure');
  account.add(relativePath, at, byteLength, 'proved');
}

const COUNT_BYTE_LENGTH = 8;
const PICKLES_READ_BYTE_LENGTH = 64;

/**
 * A legacy file has no checksums. Certain are its two numbers in front (but for the protocol that each says), and the
 * element count in front of each storage.
 */
async function accountLegacy(
  source: FileSource,
  relativePath: string,
  { storages }: Checkpoint,
  { account }: CheckContext,
): Promise<void> {
  const head = await readRange(source, 0, Math.min(PICKLES_READ_BYTE_LENGTH, source.byteLength));
  for (let pickle = 0, start = 0; pickle < 2; pickle++) {
    const extent = pickleExtent(head, start);
    if (!('end' in extent)) break;
    account.add(relativePath, start, start + 1, 'structure');
    account.add(relativePath, start + 2, extent.end, 'structure');
    start = extent.end;
  }
  const rows = Array.from({ length: storages.count }, (_, row) => storages.at(row)).sort(
    (a, b) => a.byteOffset - b.byteOffset || b.byteLength - a.byteLength,
  );
  // Parts of a storage lie inside it, and have no count of their own.
  let end = 0;
  for (const { byteOffset, byteLength } of rows) {
    const start = byteOffset - COUNT_BYTE_LENGTH;
    if (start < end) continue;
    account.add(relativePath, start, byteOffset, 'structure');
    end = byteOffset + byteLength;
  }
}
