import { Spool, safeInflatedByteLength } from '../io/spool.js';
import type { ScanOptions, ScanTools } from './archives.js';
import { childRegion, type Region } from './region.js';

/** Does something with a spool file, for what compressed data of this length become, and removes it. */
export async function inSpool(
  compressedByteLength: number,
  action: (spool: Spool) => Promise<void>,
): Promise<void> {
  const spool = Spool.create(safeInflatedByteLength(compressedByteLength));
  try {
    await action(spool);
  } finally {
    spool.remove();
  }
}

/** Scans what was put into a spool file. */
export async function scanSpool(
  spool: Spool,
  parent: Region,
  item: string,
  tools: ScanTools,
  options: ScanOptions = {},
): Promise<void> {
  if (spool.byteLength === 0) return;
  const source = spool.open();
  try {
    await tools.scan(childRegion(parent, source, undefined, item), options);
  } finally {
    source.close();
  }
}
