/** What a directory holds, byte for byte, so that a test can say: nothing changed, and nothing was left. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { equal } from '../suite.js';

/** Paths below a directory, hidden ones included: `directory`, `-> target`, `fifo`, or length and CRC-32. */
export type Contents = Record<string, string>;

export function contentsOf(root: string): Contents {
  const contents: Contents = {};
  const visit = (directory: string, prefix: string): void => {
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name);
      const shown = prefix + name;
      const status = lstatSync(path);
      if (status.isDirectory()) {
        contents[shown] = 'directory';
        visit(path, `${shown}/`);
      } else if (status.isSymbolicLink()) contents[shown] = `-> ${readlinkSync(path)}`;
      else if (status.isFIFO()) contents[shown] = 'fifo';
      else contents[shown] = `${status.size} bytes, ${checksum(path)}`;
    }
  };
  visit(root, '');
  return contents;
}

/** CRC-32: nobody here makes files that only look alike, and it takes no time for large ones. */
export function checksum(path: string): string {
  return crc32(readFileSync(path)).toString(16);
}

/** Runs `action`, after which the directory must hold what it held before, and nothing else. */
export async function leavesUnchanged<T>(root: string, action: () => Promise<T>): Promise<T> {
  const before = contentsOf(root);
  const result = await action();
  equal(contentsOf(root), before);
  return result;
}
