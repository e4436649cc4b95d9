import type { Expression } from './expression.js';
import type { NamePattern } from './name-pattern.js';

/**
 * A project's names and layouts of tensors as data: which tensors become which, and by what steps. {@link decodeKeyMap}
 * makes one of a file.
 */
export interface KeyMap {
  readonly description: string | undefined;
  readonly rules: readonly Rule[];
  /** By name: expressions of which the first whose config fields exist counts. */
  readonly parameters: ReadonlyMap<string, readonly Expression[]>;
  /** What happens to entries that no rule names. */
  readonly otherwise: Otherwise;
}

export type Otherwise = 'error' | 'keep' | 'drop';

export interface Rule {
  /** Where it stands, for messages: `rules[3]`. */
  readonly where: string;
  readonly from: readonly NamePattern[];
  /** Empty where what is named is left out. */
  readonly to: readonly NamePattern[];
  /** Whether the checkpoint may have nothing of it. */
  readonly isOptional: boolean;
  readonly steps: readonly Step[];
}

/** A size: a number, or `infer`, which is what the other sizes leave. */
export type Size = Expression | 'infer';

/**
 * What is done to tensors. Those of one rule go side by side, told apart by their place in `from` and by their holes: a
 * step works on each of them, but `concat` and `stack` make one of several and `split` and `unstack` several of one,
 * by their place, or `over` a hole.
 */
export type Step = ShapeStep | JoinStep | PartStep;

/** A step that works on each tensor. */
export type ShapeStep = Located &
  (
    | {
        readonly kind: 'view';
        /** The first of the dimensions that are viewed otherwise, of which `from` says how many; all without it. */
        readonly dimension: number | undefined;
        readonly from: readonly Size[] | undefined;
        readonly to: readonly Size[];
      }
    | { readonly kind: 'permute'; readonly order: readonly number[] }
    | { readonly kind: 'transpose'; readonly dimensions: readonly [number, number] }
    | ({ readonly kind: 'narrow'; readonly start: Expression; readonly length: Expression } & LengthBefore)
    | ({ readonly kind: 'pad'; readonly to: Expression } & LengthBefore)
  );

/** One of several. */
export type JoinStep = Located &
  Across &
  ({ readonly kind: 'concat'; readonly sizes: Sizes | undefined } | { readonly kind: 'stack' });

/** Several of one. */
export type PartStep = Located &
  Across &
  ({ readonly kind: 'split'; readonly sizes: Sizes } | { readonly kind: 'unstack' });

interface Located {
  /** For messages: `rules[3].steps[0].view`. */
  readonly where: string;
}

interface LengthBefore {
  readonly dimension: number;
  /** The length before the step: what the reversed map restores. */
  readonly of: Expression | undefined;
}

export interface Across {
  readonly dimension: number;
  /** The hole that tells the tensors apart; without it their place in `from` or `to` does. */
  readonly over: string | undefined;
}

/** Of the tensors side by side: one after the other, or all the same, and then how many where they are not counted. */
export type Sizes =
  | { readonly kind: 'listed'; readonly sizes: readonly Size[] }
  | { readonly kind: 'equal'; readonly count: Expression | undefined };
