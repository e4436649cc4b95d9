import { readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parseTemporaryName } from '../../src/io/temporary-name.js';

/** Makes this process's temporaries those of a process that is gone: another start time. */
export function bury(root: string, session?: string): void {
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (parseTemporaryName(entry.name) === undefined) continue;
    const dead = entry.name.replace(
      /-([0-9a-f]{8})-(\d+)-\d+-(\w+)(\.journal)?$/,
      (_, own, pid, random, suffix = '') => `-${session ?? own}-${pid}-1-${random}${suffix}`,
    );
    renameSync(join(entry.parentPath, entry.name), join(entry.parentPath, dead));
  }
}
