import { FormatError } from '../errors.js';

/** Whole-number arithmetic over named parameters: `n_heads * head_dim / 2`. */
export type Expression =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'name'; readonly name: string }
  | {
      readonly kind: 'operation';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
      readonly text: string;
    };

type Operator = '+' | '-' | '*' | '/' | '//' | '%';

const TOKEN = /\s*(?:(\d+)|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|(\/\/|[-+*/%()]))/y;
const MAX_DEPTH = 50;
/** From the weakest binding on. */
const LEVELS: readonly (readonly string[])[] = [
  ['+', '-'],
  ['*', '/', '//', '%'],
];

/**
 * Reads `+ - * / // %`, brackets, whole numbers, and names with dots, which bind as in Python.
 * @throws FormatError
 */
export function parseExpression(text: string): Expression {
  const tokens = tokensOf(text);
  let next = 0;
  let depth = 0;
  const refuse = (): never => {
    throw new FormatError('The expression is not understood', {
      expected: 'whole numbers, names, + - * / // % and brackets',
      found: JSON.stringify(text),
    });
  };
  const level = (index: number): Expression => {
    const operators = LEVELS[index];
    if (operators === undefined) return operand();
    let left = level(index + 1);
    while (next < tokens.length && operators.includes(tokens[next]!)) {
      const operator = tokens[next++] as Operator;
      left = { kind: 'operation', operator, left, right: level(index + 1), text };
    }
    return left;
  };
  const operand = (): Expression => {
    const token = tokens[next++] ?? refuse();
    if (++depth > MAX_DEPTH) refuse();
    try {
      if (token === '-') {
        const zero: Expression = { kind: 'number', value: 0 };
        return { kind: 'operation', operator: '-', left: zero, right: operand(), text };
      }
      if (token === '(') {
        const inner = level(0);
        return tokens[next++] === ')' ? inner : refuse();
      }
    } finally {
      depth--;
    }
    if (/^\d/.test(token)) return { kind: 'number', value: Number(token) };
    return /^\w/.test(token) ? { kind: 'name', name: token } : refuse();
  };
  const whole = level(0);
  return next === tokens.length ? whole : refuse();
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  const end = text.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) {
      throw new FormatError('The expression is not understood', {
        expected: 'whole numbers, names, + - * / // % and brackets',
        found: `${JSON.stringify(text)}, at ${JSON.stringify(text.slice(at).trim()[0])}`,
      });
    }
    tokens.push((match[1] ?? match[2] ?? match[3])!);
  }
  return tokens;
}

/**
 * The value, a whole number.
 * @param numberOf the value of a name; throws for one that it does not know.
 * @throws FormatError for a division that leaves a rest, and by zero.
 */
export function evaluate(expression: Expression, numberOf: (name: string) => number): number {
  if (expression.kind === 'number') return expression.value;
  if (expression.kind === 'name') return numberOf(expression.name);
  const left = evaluate(expression.left, numberOf);
  const right = evaluate(expression.right, numberOf);
  const value = apply(expression.operator, left, right);
  if (!Number.isSafeInteger(value)) {
    throw new FormatError('The expression gives no whole number', {
      expected: 'a division without a rest (// rounds down)',
      found: `${left} ${expression.operator} ${right}, in ${JSON.stringify(expression.text)}`,
    });
  }
  // No −0.
  return value + 0;
}

function apply(operator: Operator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '//':
      return Math.floor(left / right);
    case '%':
      return ((left % right) + right) % right;
  }
}
