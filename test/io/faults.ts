/** Watches, fails or stops at the n-th file-system call of the code under test. */
import { fileCalls, READ_AT_ONCE } from '../../src/io/file-calls.js';

export type CallName = keyof typeof fileCalls;

export interface Call {
  name: CallName;
  args: readonly unknown[];
}

/**
 * Called before each call, which does not happen if it throws. A value that it returns is the call's result;
 * a promise holds up `sync`.
 */
export type Watcher = (call: Call) => unknown;

export async function watchingCalls<T>(watcher: Watcher, body: () => T | Promise<T>): Promise<T> {
  const restore = watchCalls(watcher);
  try {
    return await body();
  } finally {
    restore();
  }
}

/** @returns what undoes it. */
export function watchCalls(watcher: Watcher): () => void {
  const replaceable = fileCalls as unknown as Record<string, (...args: unknown[]) => unknown>;
  const originals = { ...replaceable };
  for (const [name, original] of Object.entries(originals)) {
    replaceable[name] = (...args) => {
      const call = { name: name as CallName, args };
      // `sync` fails as fsync does: by a rejected promise.
      if (name === 'sync') {
        return (async () => {
          await watcher(call);
          return original(...args);
        })();
      }
      const result = watcher(call);
      return result === undefined ? original(...args) : result;
    };
  }
  return () => Object.assign(replaceable, originals);
}

export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made by the test`), { code });
}

/** Whether a call changes what is on disk, or what is sure to stay there. */
export function isChange({ name, args }: Call): boolean {
  if (name === 'open') return args[1] !== 'r' && args[1] !== READ_AT_ONCE;
  return [
    'write',
    'truncate',
    'sync',
    'syncDirectory',
    'link',
    'rename',
    'unlink',
    'mkdir',
    'rmdir',
  ].includes(name);
}

/** A watcher for file systems without hard links. */
export const withoutLinks: Watcher = ({ name }) => {
  if (name === 'link') throw systemError('EPERM');
};
