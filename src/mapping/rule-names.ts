import { FormatError } from '../errors.js';
import type { Rule } from './key-map.js';

/**
 * Requires that the steps of a rule lead from the names it takes to the names it gives: from so many tensors side by
 * side, told apart by these holes, to those.
 * @throws FormatError naming rule and step.
 */
export function requireConsistent({ where, from, to, steps }: Rule): void {
  const holes = holesOf(from, `${where}.from`);
  const wanted = holesOf(to, `${where}.to`);
  let count = from.length;
  for (const step of steps) {
    const { kind } = step;
    const refuse = (what: string, expected: string): never => {
      throw new FormatError(`The map is not valid: ${step.where} ${what}`, { expected });
    };
    if (kind === 'concat' || kind === 'stack') {
      if (step.over === undefined) {
        if (count === 1) refuse('has one tensor to join', 'several names, or "over" a hole of theirs');
        if (kind === 'concat' && step.sizes?.kind === 'listed' && step.sizes.sizes.length !== count) {
          refuse('has another number of sizes than of tensors', `${count} sizes`);
        }
        count = 1;
      } else {
        const isNumber = from[0]!.numbers.has(step.over) || !from[0]!.holes.includes(step.over);
        if (!isNumber || !holes.delete(step.over)) {
          refuse(`goes over {${step.over}}`, `a hole for numbers, of ${braced(holes)}`);
        }
      }
    } else if (kind === 'split' || kind === 'unstack') {
      if (step.over !== undefined) {
        if (holes.has(step.over) || to[0]?.numbers.has(step.over) === false) {
          refuse(`goes over {${step.over}}`, 'a hole for numbers that only "to" has');
        }
        holes.add(step.over);
      } else {
        if (count !== 1) refuse('has several tensors to part', 'one: tensors are told apart in one way');
        const listed =
          kind === 'split' && step.sizes?.kind === 'listed' ? step.sizes.sizes.length : undefined;
        count = to.length;
        if (listed !== undefined && listed !== count)
          refuse('has another number of sizes than "to" has names', `${count} sizes`);
      }
    }
  }
  if (count !== to.length) {
    throw new FormatError(`The map is not valid: ${where}.to has another number of names`, {
      expected: `${count}, as the steps leave ${count === 1 ? 'one tensor' : `${count} tensors`}`,
      found: to.length,
    });
  }
  if ([...wanted].sort().join() !== [...holes].sort().join()) {
    throw new FormatError(`The map is not valid: ${where}.to has other holes`, {
      expected: braced(holes),
      found: braced(wanted),
    });
  }
}

/** The holes of the names of one side, which are the same in all. */
function holesOf(patterns: Rule['from'], where: string): Set<string> {
  const first = [...patterns[0]!.holes].sort().join();
  for (const { holes, text } of patterns) {
    if ([...holes].sort().join() === first) continue;
    throw new FormatError(`The map is not valid: the names of ${where} have different holes`, {
      expected: braced(patterns[0]!.holes),
      found: text,
    });
  }
  return new Set(patterns[0]!.holes);
}

function braced(holes: Iterable<string>): string {
  return [...holes].map(hole => `{${hole}}`).join(', ') || 'no hole';
}
