import { setImmediate } from 'node:timers/promises';
import { decodeLatin1 } from '../bytes.js';
import { DcpError, InterruptedError } from '../errors.js';
import { SliceSource } from '../io/source.js';
import { inMemory } from '../pickle/opcode-reader.js';
import { tracePickle } from '../pickle/trace.js';
import { inflateBlindly } from '../zip/inflate.js';
import { readPieces } from '../zip/reader.js';
import { LOCAL_HEADER, viewOf } from '../zip/records.js';
import type { ScanTools } from './archives.js';
import { isDeclaredPickle } from './pickles.js';
import { childRegion, type Region, readNow } from './region.js';
import { inSpool, scanSpool } from './spooled.js';

const BLOCK_BYTE_LENGTH = 4 << 20;
const SIGNATURE = Buffer.from([0x50, 0x4b, 0x03, 0x04]);

/**
 * Looks at what follows every local header of a zip archive that lies anywhere in a region, whatever a directory says of
 * it: as it is, and inflated. Every reader of zip looks for a record's data behind such a header.
 */
export async function sweepLocalHeaders(region: Region, tools: ScanTools): Promise<void> {
  const { source } = region;
  for (let start = 0; start < source.byteLength; start += BLOCK_BYTE_LENGTH) {
    // Reading waits for nothing: signals get their turn here.
    await setImmediate();
    if (tools.signal?.aborted === true) throw new InterruptedError('The scan was interrupted');
    const block = Buffer.from(readNow(source, start, BLOCK_BYTE_LENGTH + SIGNATURE.length - 1).buffer);
    for (let at = block.indexOf(SIGNATURE); at >= 0; at = block.indexOf(SIGNATURE, at + 1))
      await scanBehindHeader(region, start + at, tools);
  }
}

async function scanBehindHeader(region: Region, headerByteOffset: number, tools: ScanTools): Promise<void> {
  const { source } = region;
  const header = readNow(source, headerByteOffset, LOCAL_HEADER.BYTE_LENGTH);
  if (header.length < LOCAL_HEADER.BYTE_LENGTH) return;
  const view = viewOf(header);
  const nameByteLength = view.getUint16(LOCAL_HEADER.nameByteLength, true);
  const nameAt = headerByteOffset + LOCAL_HEADER.BYTE_LENGTH;
  const dataAt = nameAt + nameByteLength + view.getUint16(LOCAL_HEADER.extraByteLength, true);
  if (dataAt >= source.byteLength) return;
  const name = decodeLatin1(readNow(source, nameAt, nameByteLength));
  const stored = new SliceSource(source, dataAt, source.byteLength - dataAt);
  // Bounded by nothing: a pickle ends by itself, and lengths in headers may lie.
  await tools.scan(childRegion(region, stored, dataAt, name), { isOpenEnded: true });
  await scanDeflated(region, stored, name, tools);
}

/** Nested archives have local headers of their own: as they are they are met on the way, but not deflated ones. */
async function scanDeflated(
  region: Region,
  stored: SliceSource,
  name: string,
  tools: ScanTools,
): Promise<void> {
  const head = readNow(stored, 0, 1);
  // The first block's type is in its first byte; 3 is none.
  if (head.length === 0 || (head[0]! & 6) === 6) return;
  const context = { path: region.relativePath };
  const pieces = inflateBlindly(readPieces(stored, 0, stored.byteLength), context);
  let first: IteratorResult<Uint8Array>;
  try {
    first = await pieces.next();
  } catch (error) {
    if (error instanceof DcpError) return;
    throw error;
  }
  if (first.done === true || !couldMatter(first.value)) {
    await pieces.return(undefined);
    return;
  }
  await inSpool(stored.byteLength, async spool => {
    try {
      spool.append(first.value as Uint8Array);
      for await (const piece of pieces) spool.append(piece);
    } catch (error) {
      if (!(error instanceof DcpError) || error instanceof InterruptedError) throw error;
      if (error.code === 'limit') {
        const at = region.source.byteLength - stored.byteLength;
        tools.collector.addFinding('unreadable', 'unknown', error.what, region, at);
      }
    }
    await scanSpool(spool, region, name, tools);
  });
}

/** Data that are not deflated can be taken for it; then what comes out is short, or noise. */
function couldMatter(piece: Uint8Array): boolean {
  const head = Buffer.from(piece.buffer, piece.byteOffset, Math.min(4, piece.length));
  if (head.equals(SIGNATURE) || isDeclaredPickle(head)) return true;
  const trace = tracePickle(inMemory(piece));
  return trace.mentions.length > 0 || trace.oddities.length > 0;
}
