import { type PathChange, type PathStep, stepOf } from './rename.js';

/** Leaves the first step out. */
export const unwrapPath: PathChange = path => path.slice(1);

/** Names that wrappers of modules put between dots: `torch.compile`, FSDP, activation checkpointing. */
const WRAPPERS = new Set(['_orig_mod', '_fsdp_wrapped_module', '_checkpoint_wrapped_module']);
/** What DistributedDataParallel puts before all names; elsewhere it is a name like any other. */
const OUTER_WRAPPER = 'module';

/** A module's or parameter's name without the names of wrappers. Empty where it is made of them only. */
export function cleanFqn(fqn: string): string {
  const parts = fqn.split('.').filter(part => !WRAPPERS.has(part));
  let first = 0;
  while (parts[first] === OUTER_WRAPPER) first++;
  return parts.slice(first).join('.');
}

/** Takes the names of wrappers out of every step, and steps that are nothing else, but for the last one. */
export const cleanPath: PathChange = path =>
  path.flatMap((each, position): PathStep[] => {
    if (typeof each.step === 'number') return [each];
    const text = cleanFqn(each.step);
    if (text === each.step) return [each];
    if (text !== '') return [stepOf(text)];
    return position === path.length - 1 ? [each] : [];
  });

/**
 * Takes a prefix off: whole steps first, and what is left of the prefix from the text of the next one, where a dot
 * follows it. Paths that do not begin so stay.
 */
export function stripPrefix(prefix: string): PathChange {
  const wanted = withoutLastDot(prefix);
  return path => {
    let left = wanted;
    for (const [position, { step }] of path.entries()) {
      const text = String(step);
      // The prefix is never all of a name.
      if (position === path.length - 1 && text === left) return path;
      if (text === left) return path.slice(position + 1);
      if (text.startsWith(`${left}.`)) {
        return [stepOf(text.slice(left.length + 1)), ...path.slice(position + 1)];
      }
      if (!left.startsWith(`${text}.`)) return path;
      left = left.slice(text.length + 1);
    }
    return path;
  };
}

/** Puts a step before the others for each part of the prefix between dots. */
export function addPrefix(prefix: string): PathChange {
  const steps = withoutLastDot(prefix).split('.').map(stepOf);
  return path => [...steps, ...path];
}

function withoutLastDot(prefix: string): string {
  return prefix.endsWith('.') ? prefix.slice(0, -1) : prefix;
}

/**
 * Changes the name as a whole. Steps at both ends whose text is still there stay steps; what was one step between them
 * stays one, what was several is parted at its dots.
 */
export function renameText(rename: (fqn: string) => string): PathChange {
  return path => {
    const old = path.map(({ step }) => step).join('.');
    let text = rename(old);
    if (text === old) return path;
    const tail: PathStep[] = [];
    let end = path.length;
    for (; end > 1; end--) {
      const last = `.${path[end - 1]!.step}`;
      if (!text.endsWith(last)) break;
      tail.unshift(path[end - 1]!);
      text = text.slice(0, -last.length);
    }
    const head: PathStep[] = [];
    let start = 0;
    for (; start < end - 1; start++) {
      const first = `${path[start]!.step}.`;
      if (!text.startsWith(first)) break;
      head.push(path[start]!);
      text = text.slice(first.length);
    }
    const middle = end - start === 1 ? [stepOf(text)] : text.split('.').map(stepOf);
    return [...head, ...middle.filter(({ step }) => step !== ''), ...tail];
  };
}
