import { listDirectory, pathKind } from '../../io/listing.js';
import { INDEX_NAME, INDEX_PATTERN } from '../../safetensors/index-file.js';
import { openSafetensors, readShardNames, type SafetensorsCheckpoint } from '../../safetensors/reader.js';
import { STATE_NAME, stateFileOf, withState } from '../state-file.js';
import { attempt, type CheckContext, type CheckedCheckpoint } from './context.js';
import { checkTorchFile } from './torch-check.js';

/** The header's length, in front of it: with another one the tensors would not end where the file does. */
const PREFIX_BYTE_LENGTH = 8;
const NUMBERED = /-\d{5}-of-\d{5}\.safetensors$/;

/** Checks a safetensors file or a directory of them, and the state file beside. They have no checksums. */
export async function checkSafetensors(path: string, context: CheckContext): Promise<CheckedCheckpoint> {
  const { findings, account } = context;
  const isDirectory = pathKind(path) === 'directory';
  const base = path.replace(/(?<=.)\/+$/, '');
  const missing = isDirectory ? await checkNames(base, context) : 0;
  let tensors: SafetensorsCheckpoint | undefined;
  await attempt(
    async () => {
      tensors = await openSafetensors(path);
    },
    error => {
      if (missing > 0) return;
      const relativePath = relativeTo(base, error.context.path ?? path);
      findings.addError(error.code === 'file' ? 'missing_file' : 'index', error, { relativePath });
    },
  );
  if (tensors === undefined) {
    const state = missing > 0 ? 'partly_copied' : 'unreadable';
    return { state, checkpoint: undefined, isResolved: false, snapshots: [] };
  }
  for (const { path: filePath, byteLength } of tensors.snapshots) {
    const relativePath = relativeTo(base, filePath);
    account.addFile(relativePath, byteLength);
    if (!INDEX_PATTERN.test(relativePath)) account.add(relativePath, 0, PREFIX_BYTE_LENGTH, 'structure');
  }
  const statePath = isDirectory ? stateFileOf(path) : undefined;
  if (statePath === undefined) {
    return { state: 'complete', checkpoint: tensors, isResolved: true, snapshots: tensors.snapshots };
  }
  const state = await checkTorchFile(statePath, STATE_NAME, context);
  state.checkpoint?.close();
  const snapshots = [...tensors.snapshots, ...state.snapshots];
  if (!state.isResolved) return { state: 'unreadable', checkpoint: undefined, isResolved: false, snapshots };
  const joined = await withState(tensors, statePath);
  return { state: 'complete', checkpoint: joined, isResolved: true, snapshots };
}

/** Files that the index names and that are not there, and such of another model. Returns how many are missing. */
async function checkNames(directory: string, { findings }: CheckContext): Promise<number> {
  if (pathKind(`${directory}/${INDEX_NAME}`) !== 'file') return 0;
  let named: readonly string[] = [];
  // What is wrong with the index itself is told when all is opened.
  await attempt(
    async () => {
      named = await readShardNames(directory);
    },
    () => {},
  );
  if (named.length === 0) return 0;
  const present = listDirectory(directory);
  const isThere = (name: string): boolean =>
    present.some(entry => entry.name === name && entry.kind === 'file');
  const missing = named.filter(name => !isThere(name));
  for (const relativePath of missing)
    findings.add('missing_file', 'A file that the index names is missing', { relativePath });
  if (named.every(name => NUMBERED.test(name))) {
    for (const { name, kind, byteLength } of present) {
      if (kind !== 'file' || !NUMBERED.test(name) || named.includes(name)) continue;
      findings.add('orphan_file', 'The index does not name this file: it is of another save', {
        relativePath: name,
        found: `${byteLength} bytes`,
      });
    }
  }
  return missing.length;
}

function relativeTo(base: string, path: string): string {
  if (path.startsWith(`${base}/`)) return path.slice(base.length + 1);
  return path.slice(path.lastIndexOf('/') + 1);
}
