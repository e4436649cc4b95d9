import { FormatError } from '../errors.js';
import type { KeyMap, Rule, Step } from './key-map.js';

/**
 * The map that undoes a map. Rules that leave something out are gone: what they left out cannot come back.
 * @throws FormatError naming a step that has no inverse, and what it would have to say to have one.
 */
export function reverseKeyMap(map: KeyMap): KeyMap {
  const rules = map.rules.filter(({ to }) => to.length > 0).map(reverseRule);
  return { ...map, rules };
}

function reverseRule(rule: Rule): Rule {
  return { ...rule, from: rule.to, to: rule.from, steps: rule.steps.map(reverseStep).reverse() };
}

function reverseStep(step: Step): Step {
  const { where } = step;
  switch (step.kind) {
    case 'view':
      if (step.from === undefined) throw notReversible(step, '"from", the shape before it');
      return { ...step, from: step.to, to: step.from };
    case 'permute':
      return { where, kind: 'permute', order: step.order.map((_, d) => step.order.indexOf(d)) };
    case 'transpose':
      return step;
    case 'narrow': {
      if (step.of === undefined) throw notReversible(step, '"of", the length before it');
      if (step.start.kind !== 'number' || step.start.value !== 0) throw notReversible(step, 'a start of 0');
      return { where, kind: 'pad', dimension: step.dimension, to: step.of, of: step.length };
    }
    case 'pad': {
      if (step.of === undefined) throw notReversible(step, '"of", the length before it');
      const start = { kind: 'number', value: 0 } as const;
      return { where, kind: 'narrow', dimension: step.dimension, start, length: step.of, of: step.to };
    }
    case 'concat':
      if (step.sizes === undefined) throw notReversible(step, '"sizes"');
      if (step.over !== undefined && step.sizes.kind === 'equal' && step.sizes.count === undefined) {
        throw notReversible(step, '"count"');
      }
      return { ...step, kind: 'split', sizes: step.sizes };
    case 'split':
      return { ...step, kind: 'concat' };
    case 'stack':
      return { ...step, kind: 'unstack' };
    case 'unstack':
      return { ...step, kind: 'stack' };
  }
}

function notReversible({ where, kind }: Step, needed: string): FormatError {
  return new FormatError(`The map cannot be reversed: ${where} ${kind} does not say enough`, {
    expected: `${needed}, beside what it has`,
  });
}
