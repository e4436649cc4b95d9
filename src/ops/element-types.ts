import type { Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import { castTensors } from '../checkpoint/derive.js';
import { type DTypeInfo, dtypeOf } from '../dtype.js';
import { UsageError } from '../errors.js';
import { globMatcher } from './glob.js';
import { requireMatches } from './wanted-keys.js';

/** Short names that options take for those of torch. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['bf16', 'bfloat16'],
  ['fp16', 'float16'],
  ['fp32', 'float32'],
]);
/** The types that tensors are cast to. */
const TYPES = new Set(SHORT_NAMES.values());
/** The types whose tensors are cast. Floats of 8 bits are scaled values: a cast would not keep their meaning. */
const CAST_TYPES = new Set(['float16', 'bfloat16', 'float32', 'float64']);
/** For a pattern: its tensors stay as they are. */
const KEEP = 'keep';

/** `bf16`, `bfloat16` and `torch.bfloat16` are one type. */
export function torchTypeName(name: string): string {
  return SHORT_NAMES.get(name) ?? name.replace(/^torch\./, '');
}

interface TypeRule {
  /** Undefined for all tensors that no pattern matches. */
  glob: string | undefined;
  /** Undefined keeps the tensor's own. */
  dtype: DTypeInfo | undefined;
}

/**
 * Casts the floating tensors of a checkpoint as texts say: `bf16`, `fp16` or `fp32` for all of them, and
 * `GLOB=TYPE` or `GLOB=keep` for those whose name a glob matches; of several the last one counts.
 * @throws UsageError for another text, and for a glob that matches no floating tensor.
 */
export function castByRules(checkpoint: Checkpoint, texts: readonly string[]): Checkpoint {
  const rules = parseTypeRules(texts);
  const floats = checkpoint.entries.filter(
    (entry): entry is TensorEntry => entry.kind === 'tensor' && CAST_TYPES.has(entry.dtype.name),
  );
  const patterns = rules.filter(({ glob }) => glob !== undefined).reverse();
  const names = floats.map(({ fqn }) => fqn);
  requireMatches(
    '--dtype',
    patterns.map(({ glob }) => glob!),
    names,
  );
  const matchers = patterns.map(({ glob, dtype }) => ({ matches: globMatcher([glob!]), dtype }));
  const general = rules.find(({ glob }) => glob === undefined)?.dtype;
  return castTensors(checkpoint, entry => {
    if (!CAST_TYPES.has(entry.dtype.name)) return entry.dtype;
    const rule = matchers.find(({ matches }) => matches(entry.fqn));
    return (rule === undefined ? general : rule.dtype) ?? entry.dtype;
  });
}

/** @throws UsageError */
function parseTypeRules(texts: readonly string[]): TypeRule[] {
  const rules = texts.map((text): TypeRule => {
    const at = text.lastIndexOf('=');
    const glob = at < 0 ? undefined : text.slice(0, at);
    const name = text.slice(at + 1);
    const type = torchTypeName(name);
    if (glob !== '' && TYPES.has(type)) return { glob, dtype: dtypeOf(type) };
    if (glob !== undefined && glob !== '' && name === KEEP) return { glob, dtype: undefined };
    throw new UsageError('This is no element type to cast to', {
      expected: 'bf16, fp16 or fp32; or GLOB=TYPE, or GLOB=keep, for some tensors',
      found: text === '' ? 'nothing' : text,
    });
  });
  const general = rules.filter(({ glob }) => glob === undefined);
  if (general.length < 2) return rules;
  throw new UsageError('Two element types are given for all tensors', {
    found: texts.filter(text => !text.includes('=')).join(' and '),
  });
}
