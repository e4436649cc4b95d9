import { DcpError, InterruptedError } from '../errors.js';
import { SliceSource } from '../io/source.js';
import { safeInflatedByteLength } from '../io/spool.js';
import { isSafetensorsHead } from '../safetensors/header.js';
import { isGzip, isZip } from '../torch/magic.js';
import { gunzipPieces, inflateBlindly } from '../zip/inflate.js';
import { readPieces } from '../zip/reader.js';
import { END_RECORD, viewOf } from '../zip/records.js';
import { decompressZstd } from '../zstd/decompress.js';
import { type ScanOptions, type ScanTools, scanArchives } from './archives.js';
import { scanPickles } from './pickles.js';
import { childRegion, type Region, readNow } from './region.js';
import { inSpool, scanSpool } from './spooled.js';
import { isTarHeader, scanTar } from './tar.js';

const HEAD_BYTE_LENGTH = 512;
/** Things inside things: what is packed deeper was packed to hide. */
const MAX_DEPTH = 12;

const startsWith = (head: Uint8Array, ...bytes: number[]): boolean =>
  bytes.every((byte, i) => head[i] === byte);

/** Compressions that are not undone here: what is inside cannot be seen. */
const OPAQUE: readonly (readonly [name: string, test: (head: Uint8Array) => boolean])[] = [
  ['7-Zip', head => startsWith(head, 0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c)],
  ['xz', head => startsWith(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a, 0)],
  ['bzip2', head => startsWith(head, 0x42, 0x5a, 0x68) && head[3]! >= 0x31 && head[3]! <= 0x39],
  ['lzma', head => startsWith(head, 0x5d, 0, 0) && head[12] === 0xff],
  ['LZ4', head => startsWith(head, 0x04, 0x22, 0x4d, 0x18)],
  ['RAR', head => startsWith(head, 0x52, 0x61, 0x72, 0x21, 0x1a, 0x07)],
  ['LZW (compress)', head => startsWith(head, 0x1f, 0x9d)],
];

/** Scans what a region holds, by its content and never by its name alone, and all that is inside. */
export async function scanRegion(region: Region, tools: ScanTools, options: ScanOptions = {}): Promise<void> {
  const { source, depth } = region;
  const { collector, signal } = tools;
  if (signal?.aborted === true) throw new InterruptedError('The scan was interrupted');
  if (source.byteLength === 0) return;
  if (depth > MAX_DEPTH) {
    collector.addFinding('unreadable', 'unknown', 'It is packed more often than is followed', region);
    return;
  }
  const head = readNow(source, 0, HEAD_BYTE_LENGTH);
  const isSafetensors = isSafetensorsHead(head, source.byteLength);
  // First: whatever else it is, a loader of pickles would take it for one.
  const isExpected = options.isPickle === true && !isPacked(head);
  const isOther = isSafetensors || options.isOpenEnded === true;
  await scanPickles(region, tools, isExpected, isOther);
  await scanNpy(region, head, tools);
  if (options.isOpenEnded === true) return;
  const isArchive = isZip(head) || (!isSafetensors && endsAsArchive(region));
  if (isArchive) await scanArchives(region, tools);
  // What ends as an archive may begin as something else, and loaders look at the beginning. The name of a tar archive's
  // first member may be made to look like anything.
  const isTar = isTarHeader(head);
  if (isTar) await scanTar(region, tools);
  if (isGzip(head)) await scanCompressed(region, tools, 'gzip');
  else if (startsWith(head, 0x28, 0xb5, 0x2f, 0xfd)) await scanCompressed(region, tools, 'zstd');
  else if (isZlib(head)) await scanCompressed(region, tools, 'zlib');
  else if (!isArchive && !isTar) {
    const opaque = OPAQUE.find(([, test]) => test(head));
    if (opaque === undefined) return;
    const message = `What is compressed with ${opaque[0]} cannot be looked into`;
    collector.addFinding('unreadable', 'unknown', message, region);
  }
}

function isPacked(head: Uint8Array): boolean {
  return isZip(head) || isGzip(head) || isTarHeader(head) || OPAQUE.some(([, test]) => test(head));
}

/** A zip archive may have anything in front. */
function endsAsArchive({ source }: Region): boolean {
  if (source.byteLength < END_RECORD.BYTE_LENGTH) return false;
  const tail = readNow(source, source.byteLength - END_RECORD.BYTE_LENGTH, END_RECORD.BYTE_LENGTH);
  return viewOf(tail).getUint32(0, true) === END_RECORD.SIGNATURE;
}

/** The two bytes of a zlib frame: deflate with a window of up to 32 KiB, and a check of themselves. */
function isZlib(head: Uint8Array): boolean {
  return head[0] === 0x78 && head.length > 2 && (head[0]! * 256 + head[1]!) % 31 === 0;
}

async function scanCompressed(
  region: Region,
  tools: ScanTools,
  format: 'gzip' | 'zlib' | 'zstd',
): Promise<void> {
  const { source } = region;
  const context = { path: region.relativePath };
  await inSpool(source.byteLength, async spool => {
    try {
      if (format === 'zstd') {
        const limit = safeInflatedByteLength(source.byteLength);
        await decompressZstd(source, limit, bytes => spool.append(bytes));
      } else {
        const pieces = readPieces(source, 0, source.byteLength);
        const isGzipped = format === 'gzip';
        const inflated = isGzipped ? gunzipPieces(pieces, context) : inflateBlindly(pieces, context, 'zlib');
        for await (const piece of inflated) spool.append(piece);
      }
    } catch (error) {
      if (!(error instanceof DcpError) || error instanceof InterruptedError) throw error;
      // Two bytes say that it is zlib; where nothing comes out, it is something else.
      if (format === 'zlib' && spool.byteLength === 0) return;
      const message = `${error.what}: not all of it can be looked into`;
      tools.collector.addFinding('unreadable', 'unknown', message, region);
    }
    await scanSpool(spool, region, `${format} data`, tools);
  });
}

/** An array of objects in numpy's format: its elements are a pickle, behind the header. */
async function scanNpy(region: Region, head: Uint8Array, tools: ScanTools): Promise<void> {
  if (!startsWith(head, 0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59) || head.length < 12) return;
  const view = viewOf(head);
  const start = head[6] === 1 ? 10 + view.getUint16(8, true) : 12 + view.getUint32(8, true);
  const { source } = region;
  if (start >= source.byteLength) return;
  const inner = childRegion(region, new SliceSource(source, start, source.byteLength - start), start);
  const text = Buffer.from(readNow(source, 0, Math.min(start, 64 * 1024))).toString('latin1');
  // Structured types can have fields of objects, too.
  const isOfObjects = /'[|<>=]?O\d*'/.test(text);
  await scanPickles(inner, tools, isOfObjects, !isOfObjects);
}
