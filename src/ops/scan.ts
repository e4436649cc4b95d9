import { type DcpCheckpoint, type ItemPlace, openDcp } from '../dcp/reader.js';
import { DcpError, FileError, InterruptedError } from '../errors.js';
import { listDirectory, pathKind } from '../io/listing.js';
import { resolvePath } from '../io/paths.js';
import { FileSource, SliceSource } from '../io/source.js';
import { isSafetensorsHead } from '../safetensors/header.js';
import { ScanCollector } from '../scan/collector.js';
import { childRegion, type Region, readNow } from '../scan/region.js';
import type { ScanReport } from '../scan/report.js';
import { scanRegion } from '../scan/scan-region.js';
import { globMatcher } from './glob.js';
import type { Progress } from './progress.js';

export interface ScanOptions {
  /** Globs of `module.name` that count as known: classes of your own. A dangerous one stays dangerous. */
  allow?: readonly string[];
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

interface FoundFile {
  path: string;
  relativePath: string;
  byteLength: number;
}

interface NamedItem {
  byteOffset: number;
  byteLength: number;
}

const PICKLE_NAME = /\.(pkl|pickle|pt|pth|ckpt|p|joblib|dill|metadata)$/i;
const MAX_DEPTH = 64;

/**
 * Names every class and function that any pickle in a file or directory names, and judges each: torch's own list, known
 * types, unknown, dangerous. Files are looked into by their content: torch.save files of all kinds, items of DCP, plain
 * pickles, archives in archives. Nothing is called, and no tensor is read.
 *
 * What cannot be followed, or could be read in two ways, is a finding.
 * @throws FileError where there is nothing to scan; InterruptedError.
 */
export async function scan(path: string, options: ScanOptions = {}): Promise<ScanReport> {
  const { allow = [], signal, onProgress } = options;
  onProgress?.({ phase: 'open' });
  const kind = pathKind(path);
  if (kind === 'missing') throw new FileError('There is nothing at this path', { path });
  if (kind !== 'file' && kind !== 'directory') {
    throw new FileError(`It is a ${kind}`, { expected: 'a file or a directory', path });
  }
  const collector = new ScanCollector(allow.length === 0 ? () => false : globMatcher(allow));
  const files = kind === 'file' ? [fileAt(path)] : filesBelow(path, collector);
  if (files.length === 0) throw new FileError('The directory holds no file to scan', { path });
  const byteTotal = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  let byteCount = 0;
  const items = kind === 'directory' ? await itemsOf(path) : new Map<string, NamedItem[]>();
  for (const file of files) {
    onProgress?.({ phase: 'verify', byteCount, byteTotal });
    if (signal?.aborted === true) throw new InterruptedError('The scan was interrupted');
    await scanFile(file, items.get(file.relativePath) ?? [], collector, signal);
    byteCount += file.byteLength;
  }
  onProgress?.({ phase: 'verify', byteCount, byteTotal });
  return {
    schema: 1,
    path,
    clean: collector.findings.length === 0,
    findings: collector.findings,
    globals: collector.sortedGlobals(),
    files: files.length,
    pickles: collector.pickles,
    byteLength: byteTotal,
    allowed: [...allow],
  };
}

function fileAt(path: string): FoundFile {
  const source = FileSource.open(path);
  const { byteLength } = source;
  source.close();
  return { path, relativePath: path.slice(path.lastIndexOf('/') + 1), byteLength };
}

/** All regular files below, links followed: caches of downloads are links. Each directory is entered once. */
function filesBelow(path: string, collector: ScanCollector): FoundFile[] {
  const files: FoundFile[] = [];
  const entered = new Set<string>();
  const visit = (directory: string, relative: string, depth: number): void => {
    const resolved = resolvePath(directory);
    if (entered.has(resolved)) return;
    entered.add(resolved);
    for (const { name, kind, byteLength } of listDirectory(directory)) {
      const relativePath = relative === '' ? name : `${relative}/${name}`;
      if (kind === 'file') files.push({ path: `${directory}/${name}`, relativePath, byteLength });
      else if (kind === 'directory' && depth < MAX_DEPTH)
        visit(`${directory}/${name}`, relativePath, depth + 1);
      else if (kind !== 'missing')
        collector.addUnreadable(relativePath, `It is a ${kind}, and is not looked into`);
    }
  };
  visit(path.replace(/(?<=.)\/+$/, ''), '', 0);
  return files;
}

async function scanFile(
  { path, relativePath }: FoundFile,
  items: readonly NamedItem[],
  collector: ScanCollector,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    const source = FileSource.open(path);
    try {
      const tools = toolsOf(collector, signal);
      const region: Region = { source, relativePath, items: [], byteOffset: 0, depth: 0 };
      const image = imageStart(source, items);
      const options = { isPickle: PICKLE_NAME.test(relativePath) };
      for (const [start, end] of image === undefined
        ? [[0, source.byteLength]]
        : [
            [0, image],
            [image, source.byteLength],
          ]) {
        const part = new SliceSource(source, start!, end! - start!);
        await scanRegion({ ...region, source: part, byteOffset: start }, tools, options);
      }
      // Torch loads the bytes that an index names, wherever they begin.
      for (const { byteOffset, byteLength } of items) {
        const end = byteOffset + byteLength;
        if (end > source.byteLength || byteOffset === image) continue;
        if (collector.hasArchive(relativePath, byteOffset, end)) continue;
        await scanRegion(
          childRegion(region, new SliceSource(source, byteOffset, byteLength), byteOffset),
          tools,
        );
      }
    } finally {
      source.close();
    }
  } catch (error) {
    if (!(error instanceof DcpError) || error instanceof InterruptedError) throw error;
    collector.addUnreadable(relativePath, error.what);
  }
}

/** Where the safetensors image begins that some data files have behind their other items, to their end. */
function imageStart(source: FileSource, items: readonly NamedItem[]): number | undefined {
  return items.find(({ byteOffset }) => {
    const rest = source.byteLength - byteOffset;
    return rest > 0 && isSafetensorsHead(readNow(source, byteOffset, 16), rest);
  })?.byteOffset;
}

function toolsOf(collector: ScanCollector, signal: AbortSignal | undefined) {
  const tools: Parameters<typeof scanRegion>[1] = {
    collector,
    signal,
    scan: (region, options) => scanRegion(region, tools, options),
  };
  return tools;
}

/** The parts of each data file that the index of a DCP directory names; none where there is no such index. */
async function itemsOf(path: string): Promise<Map<string, NamedItem[]>> {
  const items = new Map<string, NamedItem[]>();
  let checkpoint: DcpCheckpoint;
  try {
    checkpoint = await openDcp(path);
  } catch (error) {
    // No index, or none that can be read: its pickle is scanned as every file is.
    if (error instanceof DcpError && !(error instanceof InterruptedError)) return items;
    throw error;
  }
  try {
    const seen = new Set<string>();
    const add = (place: ItemPlace | undefined): void => {
      if (place === undefined || place.byteLength === 0) return;
      const { file, byteOffset, byteLength } = place;
      const key = `${file}:${byteOffset}:${byteLength}`;
      if (seen.has(key)) return;
      seen.add(key);
      const { name } = checkpoint.files[file]!;
      const known = items.get(name);
      if (known === undefined) items.set(name, [{ byteOffset, byteLength }]);
      else known.push({ byteOffset, byteLength });
    };
    for (const entry of checkpoint.entries) {
      if (entry.kind === 'object') add(checkpoint.placeOfObject(entry));
      else for (let i = 0; i < entry.chunkCount; i++) add(checkpoint.placeOfChunk(entry.firstChunk + i));
    }
    return items;
  } finally {
    checkpoint.close();
  }
}
