import { createHash } from 'node:crypto';
import type { CopyPlan } from './plan.js';
import { TILING } from './tiles.js';

/**
 * What tells a plan from every other, as 64 hexadecimal digits: its layout and literals, how it is cut into tiles, and
 * of its sources the bytes of those in memory. Of files it says only which bytes are taken: where they lie may change
 * (what is inflated into the temporary area), and whether they are what they were is a matter of snapshots.
 */
export function fingerprintOf(plan: CopyPlan): string {
  const hash = createHash('sha256');
  const addJson = (value: unknown): void => void hash.update(JSON.stringify(value)).update('\n');
  const addColumns = ({ count, ...columns }: { readonly count: number } & object): void => {
    addJson(count);
    for (const [name, column] of Object.entries(columns) as [string, Uint8Array][]) {
      addJson([name, column.byteLength]);
      hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
    }
  };
  addJson([TILING, plan.outputs, plan.transforms, plan.casts, plan.recordByteLength]);
  for (const source of plan.sources) {
    if (typeof source === 'string') addJson('file');
    else {
      addJson(source.bytes.length);
      hash.update(source.bytes);
    }
  }
  addColumns(plan.storages);
  addColumns(plan.records);
  addColumns(plan.pieces);
  for (const { output, byteOffset, bytes } of plan.literals) {
    addJson([output, byteOffset, bytes.length]);
    hash.update(bytes);
  }
  addJson(plan.deferred.map(({ output, byteOffset, byteLength }) => [output, byteOffset, byteLength]));
  return hash.digest('hex');
}
