import { FormatError, UsageError } from '../errors.js';
import { type Expression, evaluate } from './expression.js';
import type { KeyMap } from './key-map.js';

/** Where a map's numbers come from, besides the map. */
export interface ParameterSources {
  /** A model's `config.json`, decoded. */
  config: unknown;
  /** What messages call it; undefined where there is none. */
  configPath: string | undefined;
  /** Numbers that count instead of those of the map. */
  given: ReadonlyMap<string, number>;
}

const CONFIG = 'config.';

/** The numbers that the steps of a map calculate with. Each is worked out when it is first asked for. */
export class Parameters {
  private readonly known = new Map<string, number>();
  private readonly open: string[] = [];

  /** @throws UsageError for a given parameter that the map does not have. */
  constructor(
    private readonly map: Pick<KeyMap, 'parameters'>,
    private readonly sources: ParameterSources,
  ) {
    for (const name of sources.given.keys()) {
      if (map.parameters.has(name)) continue;
      throw new UsageError(`The map has no parameter ${name}`, {
        expected: [...map.parameters.keys()].join(', ') || 'none: the map has no parameters',
      });
    }
  }

  /** @throws FormatError, UsageError where a name has no value. */
  evaluate(expression: Expression): number {
    return evaluate(expression, name => this.valueOf(name));
  }

  private valueOf(name: string): number {
    if (name.startsWith(CONFIG)) return this.configNumber(name);
    const known = this.known.get(name) ?? this.sources.given.get(name);
    if (known !== undefined) return known;
    const expressions = this.map.parameters.get(name);
    if (expressions === undefined) throw new FormatError(`The map uses ${name} and does not define it`);
    if (this.open.includes(name)) {
      throw new FormatError('Parameters of the map are defined by each other', {
        found: [...this.open, name].join(' → '),
      });
    }
    const chosen = expressions.find(expression => this.hasFields(expression));
    if (chosen === undefined) throw this.withoutValue(name, expressions);
    this.open.push(name);
    const value = this.evaluate(chosen);
    this.open.pop();
    this.known.set(name, value);
    return value;
  }

  /** Whether all fields of the config that an expression names itself are there. */
  private hasFields(expression: Expression): boolean {
    if (expression.kind === 'number') return true;
    if (expression.kind === 'operation') {
      return this.hasFields(expression.left) && this.hasFields(expression.right);
    }
    const { name } = expression;
    return !name.startsWith(CONFIG) || (this.field(name) ?? null) !== null;
  }

  private field(name: string): unknown {
    let value = this.sources.config;
    for (const key of name.split('.').slice(1)) {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
      value = (value as Record<string, unknown>)[key];
    }
    return value;
  }

  private configNumber(name: string): number {
    const value = this.field(name);
    if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
    const { configPath } = this.sources;
    throw new FormatError('A field of the config is no whole number', {
      expected: name.slice(CONFIG.length),
      found: value === undefined ? 'no such field' : String(JSON.stringify(value)),
      ...(configPath === undefined ? {} : { path: configPath }),
    });
  }

  private withoutValue(name: string, expressions: readonly Expression[]): UsageError {
    const { configPath } = this.sources;
    const fields = [...new Set(expressions.flatMap(fieldsOf))].join(' or ');
    return new UsageError(`The map's parameter ${name} has no value`, {
      ...(fields === '' ? {} : { expected: `${fields} in the model's config.json` }),
      found: configPath === undefined ? 'no config.json' : 'no such field',
      ...(configPath === undefined ? {} : { path: configPath }),
      hint: `Name a config with --map-config, or say --map-param ${name}=NUMBER.`,
    });
  }
}

function fieldsOf(expression: Expression): string[] {
  if (expression.kind === 'operation') {
    return [...fieldsOf(expression.left), ...fieldsOf(expression.right)];
  }
  return expression.kind === 'name' && expression.name.startsWith(CONFIG)
    ? [expression.name.slice(CONFIG.length)]
    : [];
}
