import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratch } from '../io/scratch.js';
import { imageOf } from './fixture.js';

/** Names of uint8 tensors and their bytes as text; `__metadata__` where it is given. */
export function uint8File(tensors: Record<string, string>, metadata?: Record<string, string>): Uint8Array {
  const members: string[] = metadata === undefined ? [] : [`"__metadata__":${JSON.stringify(metadata)}`];
  let data = '';
  for (const [name, text] of Object.entries(tensors)) {
    const range = [data.length, data.length + text.length];
    data += text;
    members.push(
      `${JSON.stringify(name)}:{"dtype":"U8","shape":[${text.length}],"data_offsets":[${range.join()}]}`,
    );
  }
  return imageOf(`{${members.join()}}`, data);
}

/** A directory of such files, and of texts. */
export function directoryOf(files: Record<string, Uint8Array | string>): string {
  const directory = scratch();
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  return directory;
}

export function indexOf(weightMap: Record<string, string>): string {
  return JSON.stringify({ metadata: { total_size: 1 }, weight_map: weightMap });
}
