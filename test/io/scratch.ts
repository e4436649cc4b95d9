/** Directories for tests of the file system, and what is in them. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const made: string[] = [];
process.on('exit', () => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

/** An empty directory that is removed when the process ends. `inMemory`: where there is such a file system. */
export function scratch({ inMemory = false } = {}): string {
  const area = inMemory && existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const path = mkdtempSync(join(area, 'dcp-test-'));
  made.push(path);
  return path;
}

/** Removes it now: for those who make thousands. */
export function removeTree(path: string): void {
  rmSync(path, { recursive: true, force: true });
  made.splice(made.indexOf(path), 1);
}

/** Paths below a directory: a file's text, `<directory>`, `-> target`, or `<other>`. */
export type Tree = Record<string, string>;

export function readTree(root: string): Tree {
  const tree: Tree = {};
  const visit = (path: string, shown: string): void => {
    const status = lstatSync(path);
    if (shown !== '') {
      if (status.isDirectory()) tree[shown] = '<directory>';
      else if (status.isSymbolicLink()) tree[shown] = `-> ${readlinkSync(path)}`;
      else tree[shown] = status.isFile() ? readFileSync(path, 'utf8') : '<other>';
    }
    if (!status.isDirectory()) return;
    for (const name of readdirSync(path).sort())
      visit(join(path, name), shown === '' ? name : `${shown}/${name}`);
  };
  visit(root, '');
  return tree;
}

/** Makes files, with the directories above them. */
export function writeTree(root: string, files: Tree): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
