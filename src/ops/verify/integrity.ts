import { type DigestOptions, digestFiles } from '../../copy/digest.js';
import { rankOfFile } from '../../dcp/entries.js';
import {
  FileError,
  FormatError,
  LimitError,
  UnsupportedError,
  UsageError,
  withContext,
} from '../../errors.js';
import { pathKind } from '../../io/listing.js';
import { takeSnapshot } from '../../io/snapshot.js';
import { FileSource, readRange } from '../../io/source.js';
import { createSmallFile } from '../small-file.js';
import type { ByteAccount } from './byte-account.js';
import type { Findings } from './finding.js';

/** In a checkpoint directory: the SHA-256 of its files, in the form that Megatron-core writes and checks. */
export const INTEGRITY_NAME = 'integrity.json';
const ALGORITHM = 'sha256';
const MAX_BYTE_LENGTH = 256 << 20;

/** Where the digests of a checkpoint are, and the directory that their names count from. */
export interface IntegrityPlace {
  path: string;
  directory: string;
}

/** A directory has them inside; a file of its own name beside: `model.pth.integrity.json`. */
export function integrityPlaceOf(path: string): IntegrityPlace {
  if (pathKind(path) === 'directory') {
    const directory = path.replace(/(?<=.)\/+$/, '');
    return { path: `${directory}/${INTEGRITY_NAME}`, directory };
  }
  const slash = path.lastIndexOf('/');
  const directory = slash < 0 ? '.' : path.slice(0, slash) || '/';
  return { path: `${path}.${INTEGRITY_NAME}`, directory };
}

/**
 * Reads `{"algorithm": "sha256", "files": {name: hexadecimal digest}}`.
 * @throws FileError where there is none, FormatError, UnsupportedError for another algorithm, LimitError.
 */
export async function readIntegrity(path: string): Promise<Map<string, string>> {
  if (pathKind(path) !== 'file') {
    throw new FileError('There is no file of SHA-256 digests', {
      expected: path.slice(path.lastIndexOf('/') + 1),
      path,
      hint: 'Write one of a checkpoint that you know is whole: --sha256 --write.',
    });
  }
  const source = FileSource.open(path);
  try {
    if (source.byteLength > MAX_BYTE_LENGTH) {
      throw new LimitError('The file of digests is too large', {
        expected: `${MAX_BYTE_LENGTH} bytes at most`,
        found: `${source.byteLength} bytes`,
        path,
      });
    }
    const text = new TextDecoder().decode(await readRange(source, 0, source.byteLength));
    return withContext({ path }, () => decodeIntegrity(text));
  } finally {
    source.close();
  }
}

function decodeIntegrity(text: string): Map<string, string> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (cause) {
    throw new FormatError('The file of digests is not JSON', { cause });
  }
  const { algorithm, files } = (content ?? {}) as { algorithm?: unknown; files?: unknown };
  if (typeof files !== 'object' || files === null || Array.isArray(files)) {
    throw new FormatError('The file of digests has another form', {
      expected: '{"algorithm": "sha256", "files": {name: digest}}',
    });
  }
  if (algorithm !== ALGORITHM) {
    throw new UnsupportedError('The digests are of another algorithm', {
      expected: ALGORITHM,
      found: String(algorithm),
    });
  }
  const digests = new Map<string, string>();
  for (const [name, digest] of Object.entries(files)) {
    const steps = name.split(/[/\\]/);
    if (steps[0] === '' || steps.includes('..') || name.includes('\0')) {
      throw new FormatError('A digest is of a file outside the checkpoint', { found: JSON.stringify(name) });
    }
    if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/i.test(digest)) {
      throw new FormatError('A digest is not 64 hexadecimal digits', { found: JSON.stringify(name) });
    }
    digests.set(name, digest.toLowerCase());
  }
  return digests;
}

/**
 * Compares the files that have digests, and tells of files of the checkpoint that have none. Files that match are proved
 * as a whole.
 * @param names of the checkpoint's files.
 */
export async function checkIntegrity(
  { path, directory }: IntegrityPlace,
  names: readonly string[],
  { findings, account }: { findings: Findings; account: ByteAccount },
  options: DigestOptions,
): Promise<number> {
  const digests = await readIntegrity(path);
  const present: string[] = [];
  for (const name of digests.keys()) {
    if (pathKind(`${directory}/${name}`) === 'file') present.push(name);
    else if (
      !findings.list.some(({ rule, relativePath }) => rule === 'missing_file' && relativePath === name)
    ) {
      findings.add('missing_file', 'A file that has a digest is missing', {
        relativePath: name,
        rank: rankOf(name),
      });
    }
  }
  const found = await digestFiles(filesOf(directory, present), options);
  for (const [i, name] of present.entries()) {
    const expected = digests.get(name)!;
    if (found[i] === expected) account.proveWhole(name);
    else {
      findings.add('sha256', 'The file does not have the SHA-256 that was written down of it', {
        relativePath: name,
        rank: rankOf(name),
        expected,
        found: found[i]!,
      });
    }
  }
  for (const name of names) {
    if (digests.has(name)) continue;
    findings.add('unlisted_file', 'The file of the checkpoint has no digest', {
      relativePath: name,
      rank: rankOf(name),
    });
  }
  return present.length;
}

/**
 * Writes the digests of files, sorted by name.
 * @param options `check` runs when all are read, and may refuse them by throwing: then nothing is written.
 * @returns temporaries that could not be removed.
 * @throws UsageError where there is such a file already, unless `force`.
 */
export async function writeIntegrity(
  { path, directory }: IntegrityPlace,
  names: readonly string[],
  options: DigestOptions & { force: boolean; check: () => void },
): Promise<{ leftBehind: string[] }> {
  const output = createSmallFile(path, { force: options.force });
  try {
    const sorted = [...names].sort();
    const digests = await digestFiles(filesOf(directory, sorted), options);
    const files = Object.fromEntries(sorted.map((name, i) => [name, digests[i]!]));
    output.write(Buffer.from(`${JSON.stringify({ algorithm: ALGORITHM, files }, undefined, 2)}\n`), 0);
    options.check();
    return await output.commit();
  } finally {
    output.discard();
  }
}

/** @throws UsageError where digests are there already. Before anything is read. */
export function requireNoIntegrity({ path }: IntegrityPlace): void {
  if (pathKind(path) === 'missing') return;
  throw new UsageError('There is a file of digests already', {
    path,
    hint: 'Check it with --sha256 alone, or replace it with --force.',
  });
}

function filesOf(directory: string, names: readonly string[]) {
  return names.map(name => {
    const path = `${directory}/${name}`;
    return { path, byteLength: takeSnapshot(path).byteLength };
  });
}

function rankOf(name: string): number | undefined {
  return rankOfFile({ path: name, name, byteLength: undefined });
}
