import { FormatError } from '../errors.js';
import { type Expression, parseExpression } from './expression.js';
import { JsonField } from './json-field.js';
import type { KeyMap, Rule, Size, Sizes, Step } from './key-map.js';
import { NamePattern } from './name-pattern.js';
import { requireConsistent } from './rule-names.js';

/** The version of the form of maps. */
const VERSION = 1;
const STEP_KINDS = [
  'view',
  'permute',
  'transpose',
  'narrow',
  'pad',
  'concat',
  'split',
  'stack',
  'unstack',
] as const;

export interface DecodedKeyMap {
  /** As it is written. */
  map: KeyMap;
  /** Whether the file asks for the map that undoes it. */
  isReversed: boolean;
}

/**
 * Reads a map: JSON of the form that `maps/key-map.schema.json` describes. All that can be known without a checkpoint
 * is checked here.
 * @throws FormatError naming rule and field.
 */
export function decodeKeyMap(text: string): DecodedKeyMap {
  const fields = new JsonField(parseJson(text), '').fields([
    '$schema',
    'version',
    'description',
    'parameters',
    'rules',
    'else',
    'reverse',
  ]);
  if (fields.version?.value !== VERSION) {
    (fields.version ?? new JsonField(undefined, 'version')).refuse(String(VERSION));
  }
  const parameters = new Map(
    (fields.parameters?.entries() ?? []).map(([name, field]) => [name, parameterOf(name, field)]),
  );
  const rules = (fields.rules ?? new JsonField(undefined, 'rules')).list('a list of rules').map(decodeRule);
  const map: KeyMap = {
    description: fields.description?.text(),
    parameters,
    rules,
    otherwise: fields.else?.word(['error', 'keep', 'drop']) ?? 'error',
  };
  requireDefined(map);
  return { map, isReversed: fields.reverse?.flag() ?? false };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FormatError('The map is no JSON', { found: (error as Error).message });
  }
}

function parameterOf(name: string, field: JsonField): readonly Expression[] {
  if (!/^[A-Za-z_]\w*$/.test(name) || name === 'config') {
    throw new FormatError(`The map is not valid: ${field.where} has no name for a parameter`, {
      expected: 'letters, digits and _; not "config"',
    });
  }
  const expressions = field.isList() ? field.list().map(expressionOf) : [expressionOf(field)];
  return expressions.length > 0 ? expressions : field.refuse('an expression, or several');
}

function expressionOf(field: JsonField): Expression {
  if (typeof field.value === 'number') {
    const value = field.wholeNumber();
    return value >= 0 ? { kind: 'number', value } : field.refuse('a number of 0 or more');
  }
  return field.read(() => parseExpression(field.text('a whole number or an expression')));
}

function sizeOf(field: JsonField): Size {
  return field.value === -1 ? 'infer' : expressionOf(field);
}

/** Sizes of which one at most is −1. */
function sizesOf(field: JsonField): Size[] {
  const sizes = field.list('a list of sizes').map(sizeOf);
  return sizes.filter(size => size === 'infer').length > 1 ? field.refuse('one −1 at most') : sizes;
}

function decodeRule(field: JsonField): Rule {
  const fields = field.fields(['from', 'to', 'drop', 'optional', 'steps', 'comment']);
  fields.comment?.text();
  const missing = (name: string): JsonField => new JsonField(undefined, `${field.where}.${name}`);
  const isDropped = fields.drop?.flag() ?? false;
  const from = patternsOf(fields.from ?? missing('from'));
  if (isDropped && fields.to !== undefined) fields.to.refuse('nothing, as the rule says "drop"');
  const to = isDropped ? [] : patternsOf(fields.to ?? missing('to'));
  const steps = fields.steps?.list('a list of steps').map(decodeStep) ?? [];
  if (isDropped && steps.length > 0) fields.steps!.refuse('nothing, as the rule says "drop"');
  const rule: Rule = { where: field.where, from, to, isOptional: fields.optional?.flag() ?? false, steps };
  if (!isDropped) requireConsistent(rule);
  return rule;
}

function patternsOf(field: JsonField): NamePattern[] {
  const fields = field.isList() ? field.list() : [field];
  if (fields.length === 0) field.refuse('a name, or several');
  return fields.map(each => each.read(() => new NamePattern(each.text('a name, or several'))));
}

function decodeStep(field: JsonField): Step {
  const names = Object.keys(field.fields([...STEP_KINDS]));
  if (names.length !== 1) field.refuse(`one of ${STEP_KINDS.join(', ')}`);
  const kind = names[0] as (typeof STEP_KINDS)[number];
  const inner = field.fields([kind])[kind]!;
  return { where: inner.where, ...decodeKind(kind, inner) } as Step;
}

/** A {@link Step} but for `where`, which is the same for all. */
function decodeKind(kind: (typeof STEP_KINDS)[number], field: JsonField): object {
  switch (kind) {
    case 'view': {
      if (field.isList()) return { kind, dimension: undefined, from: undefined, to: sizesOf(field) };
      const { dim, from, to } = field.fields(['dim', 'from', 'to']);
      if (dim !== undefined && from === undefined) field.refuse('"from" beside "dim"');
      return {
        kind,
        dimension: dim?.wholeNumber(),
        from: from && sizesOf(from),
        to: sizesOf(to ?? field.refuse('"to", a list of sizes')),
      };
    }
    case 'permute': {
      const order = field.list('a list of dimensions').map(each => each.wholeNumber());
      const isPermutation = [...order].sort((a, b) => a - b).every((dimension, d) => dimension === d);
      return isPermutation ? { kind, order } : field.refuse('each dimension once, counted from 0');
    }
    case 'transpose': {
      const dimensions = field.list('two dimensions').map(each => each.wholeNumber());
      return dimensions.length === 2 ? { kind, dimensions } : field.refuse('two dimensions');
    }
    case 'narrow': {
      const { dim, start, length, of } = field.fields(['dim', 'start', 'length', 'of']);
      return {
        kind,
        dimension: (dim ?? field.refuse('"dim"')).wholeNumber(),
        start: start === undefined ? { kind: 'number', value: 0 } : expressionOf(start),
        length: expressionOf(length ?? field.refuse('"length"')),
        of: of && expressionOf(of),
      };
    }
    case 'pad': {
      const { dim, to, of } = field.fields(['dim', 'to', 'of']);
      const dimension = (dim ?? field.refuse('"dim"')).wholeNumber();
      return { kind, dimension, to: expressionOf(to ?? field.refuse('"to"')), of: of && expressionOf(of) };
    }
    case 'stack':
    case 'unstack': {
      const { dim, over } = fieldsOrDimension(field, ['dim', 'over']);
      return { kind, dimension: (dim ?? field.refuse('"dim"')).wholeNumber(), over: over?.text() };
    }
    case 'concat':
    case 'split': {
      const { dim, over, sizes, count } = fieldsOrDimension(field, ['dim', 'over', 'sizes', 'count']);
      const dimension = (dim ?? field.refuse('"dim"')).wholeNumber();
      return { kind, dimension, over: over?.text(), sizes: listedOrEqual(field, sizes, count) };
    }
  }
}

/** `{"dim": 1}` may be written as `1`. */
function fieldsOrDimension(
  field: JsonField,
  names: readonly AcrossField[],
): Partial<Record<AcrossField, JsonField>> {
  return typeof field.value === 'number' ? { dim: field } : field.fields(names);
}

type AcrossField = 'dim' | 'over' | 'sizes' | 'count';

function listedOrEqual(
  field: JsonField,
  sizes: JsonField | undefined,
  count: JsonField | undefined,
): Sizes | undefined {
  if (sizes?.isList() === true) {
    if (count !== undefined) count.refuse('nothing beside a list of sizes');
    return { kind: 'listed', sizes: sizesOf(sizes) };
  }
  if (sizes !== undefined) sizes.word(['equal']);
  if (sizes === undefined && count === undefined) {
    return field.where.endsWith('split') ? field.refuse('"sizes": a list, or "equal"') : undefined;
  }
  return { kind: 'equal', count: count && expressionOf(count) };
}

/** Every name that an expression uses is a parameter or a field of the config. */
function requireDefined(map: KeyMap): void {
  const visit = (expression: Size | undefined, where: string): void => {
    if (expression === undefined || expression === 'infer' || expression.kind === 'number') return;
    if (expression.kind === 'operation') {
      visit(expression.left, where);
      visit(expression.right, where);
    } else if (!expression.name.startsWith('config.') && !map.parameters.has(expression.name)) {
      throw new FormatError(`The map is not valid: ${where} uses ${expression.name}`, {
        expected: ['config.FIELD', ...map.parameters.keys()].join(', '),
      });
    }
  };
  for (const [name, expressions] of map.parameters) {
    for (const expression of expressions) visit(expression, `parameters.${name}`);
  }
  for (const { steps } of map.rules) {
    for (const step of steps) for (const size of expressionsOf(step)) visit(size, step.where);
  }
}

function expressionsOf(step: Step): (Size | undefined)[] {
  switch (step.kind) {
    case 'view':
      return [...(step.from ?? []), ...step.to];
    case 'narrow':
      return [step.start, step.length, step.of];
    case 'pad':
      return [step.to, step.of];
    case 'concat':
    case 'split':
      return step.sizes?.kind === 'listed' ? [...step.sizes.sizes] : [step.sizes?.count];
    default:
      return [];
  }
}
