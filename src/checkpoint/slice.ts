import { UsageError } from '../errors.js';
import type { Box } from './box.js';

/**
 * Elements of a tensor on a regular grid: from `offsets`, `sizes` of them in each dimension, `steps` apart.
 * A box is one with all steps 1.
 */
export interface Selection extends Box {
  readonly steps: readonly number[];
}

/** A selection, and the shape that the result has: dimensions that were indexed by one number are gone. */
export interface Slice {
  readonly selection: Selection;
  readonly shape: readonly number[];
}

/** The selection of all elements of a box. */
export function selectionOfBox({ offsets, sizes }: Box): Selection {
  return { offsets, sizes, steps: sizes.map(() => 1) };
}

/**
 * A basic slice in Python's notation, of a tensor of this shape: `0:10,:`, `-1`, `...,::2`. Ranges are clamped to
 * the dimension as Python does; dimensions that are not named are taken whole.
 *
 * @throws UsageError for what is not of this form, for a position outside its dimension, for more positions than
 * dimensions, and for steps below 1, which torch's tensors do not have either.
 */
export function parseSlice(text: string, shape: readonly number[]): Slice {
  const inner = /^\s*\[(.*)\]\s*$/s.exec(text)?.[1] ?? text;
  const parts = inner.trim() === '' ? [] : inner.replace(/,\s*$/, '').split(',');
  const terms = parts.map(part => part.trim());
  const ellipsis = terms.indexOf('...');
  if (ellipsis !== terms.lastIndexOf('...')) {
    throw new UsageError('A slice has one ellipsis at most', { found: text });
  }
  const given = ellipsis === -1 ? terms.length : terms.length - 1;
  if (given > shape.length) {
    throw new UsageError('The slice has more positions than the tensor has dimensions', {
      expected: `${shape.length} at most, for shape [${shape.join(', ')}]`,
      found: text,
    });
  }
  const whole = new Array<string>(shape.length - given).fill(':');
  const at = ellipsis === -1 ? terms.length : ellipsis;
  const full = [...terms.slice(0, at), ...whole, ...terms.slice(ellipsis === -1 ? at : at + 1)];

  const offsets: number[] = [];
  const sizes: number[] = [];
  const steps: number[] = [];
  const resultShape: number[] = [];
  for (const [d, size] of shape.entries()) {
    const { start, count, step, isPosition } = parseTerm(full[d]!, d, size, text);
    offsets.push(start);
    sizes.push(count);
    steps.push(step);
    if (!isPosition) resultShape.push(count);
  }
  return { selection: { offsets, sizes, steps }, shape: resultShape };
}

interface Term {
  start: number;
  count: number;
  step: number;
  /** One number, not a range: the dimension does not appear in the result. */
  isPosition: boolean;
}

const TERM = /^([+-]?\d+)$|^([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?)?$/;

function parseTerm(term: string, dimension: number, size: number, text: string): Term {
  const match = TERM.exec(term);
  if (match === null) {
    throw new UsageError('The slice is not one that is known here', {
      expected: 'numbers and ranges such as 0:10,:,-1 or ...,::2',
      found: text,
    });
  }
  const [, position, startText, stopText, stepText] = match;
  if (position !== undefined) {
    const given = Number(position);
    const start = given < 0 ? given + size : given;
    if (start < 0 || start >= size) {
      throw new UsageError(`Position ${position} is outside dimension ${dimension}`, {
        expected: size === 0 ? 'no position: the dimension is empty' : `${-size} to ${size - 1}`,
        found: text,
      });
    }
    return { start, count: 1, step: 1, isPosition: true };
  }
  const step = stepText === undefined ? 1 : Number(stepText);
  if (step < 1) {
    throw new UsageError('A step of the slice is not greater than 0', {
      found: text,
      hint: 'Extract the range forwards, and turn it round where it is used.',
    });
  }
  const start = startText === undefined ? 0 : clamped(Number(startText), size);
  const stop = stopText === undefined ? size : clamped(Number(stopText), size);
  return { start, count: Math.max(0, Math.ceil((stop - start) / step)), step, isPosition: false };
}

/** A bound of a range as Python takes it: counted from the end where it is negative, inside `[0, size]`. */
function clamped(bound: number, size: number): number {
  return Math.min(size, Math.max(0, bound < 0 ? bound + size : bound));
}
