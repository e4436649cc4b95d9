import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { UnsupportedError } from '../errors.js';
import { isDangerousGlobal } from '../torch/globals.js';

/** A class or function that a pickle names and that torch's `weights_only` does not accept. */
export interface NamedGlobal {
  /** `module.name`. */
  name: string;
  /** Whether loading it elsewhere could run commands or code. */
  dangerous: boolean;
  /** First object found to name it; undefined where it is the index, or the pickle of the whole file. */
  fqn?: string;
}

/** All such globals of a checkpoint, sorted by name. Objects must be loaded to be seen. */
export function namedGlobals(checkpoint: Checkpoint): NamedGlobal[] {
  const first = new Map<string, string | undefined>();
  for (const name of checkpoint.provenance.globals) first.set(name, undefined);
  for (const [fqn, names] of checkpoint.objectGlobals ?? []) {
    for (const name of names) if (!first.has(name)) first.set(name, fqn);
  }
  return [...first]
    .map(([name, fqn]) => ({
      name,
      dangerous: isDangerousGlobal(name),
      ...(fqn === undefined ? {} : { fqn }),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Refuses what must not be passed on unseen.
 * @throws UnsupportedError naming the first global that runs commands or code, unless `allowUnsafe`; and, with
 * `strict`, the first one that is not on torch's weights_only list.
 */
export function requireAcceptable(
  path: string,
  globals: readonly NamedGlobal[],
  options: { allowUnsafe: boolean; strict: boolean },
): void {
  const dangerous = globals.find(global => global.dangerous);
  if (dangerous !== undefined && !options.allowUnsafe) {
    throw new UnsupportedError(
      'The checkpoint names a function that would run commands or code when loaded',
      {
        found: dangerous.name,
        path,
        ...(dangerous.fqn === undefined ? {} : { fqn: dangerous.fqn }),
        hint: 'Do not load this file in Python. If you know why it is there: --allow-unsafe-globals.',
      },
    );
  }
  const other = globals.find(global => !global.dangerous);
  if (options.strict && other !== undefined) {
    throw new UnsupportedError("The checkpoint names a class that is not on torch's weights_only list", {
      found: other.name,
      path,
      ...(other.fqn === undefined ? {} : { fqn: other.fqn }),
      hint: 'It is carried through unchanged without --strict.',
    });
  }
}
