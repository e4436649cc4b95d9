import { FormatError, withContext } from '../errors.js';

/** A value of a JSON document, and where it stands: `rules[3].steps[0].view`. What it is not is refused by that name. */
export class JsonField {
  constructor(
    readonly value: unknown,
    readonly where: string,
  ) {}

  refuse(expected: string): never {
    throw new FormatError(`The map is not valid: ${this.where || 'the document'}`, {
      expected,
      found: shown(this.value),
    });
  }

  /** Its fields by name. @throws FormatError where it is no object, or has a field that is not known. */
  fields<Name extends string>(names: readonly Name[]): Partial<Record<Name, JsonField>> {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.refuse('an object');
    const found: Partial<Record<Name, JsonField>> = {};
    for (const [key, item] of Object.entries(value as object)) {
      if (!names.includes(key as Name)) {
        throw new FormatError(`The map is not valid: ${this.at(key)} is not known`, {
          expected: names.join(', '),
        });
      }
      found[key as Name] = new JsonField(item, this.at(key));
    }
    return found;
  }

  /** Its fields, of any names. */
  entries(): [string, JsonField][] {
    const { value } = this;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.refuse('an object');
    return Object.entries(value as object).map(([key, item]) => [key, new JsonField(item, this.at(key))]);
  }

  list(expected = 'a list'): JsonField[] {
    const { value, where } = this;
    if (!Array.isArray(value)) this.refuse(expected);
    return value.map((item, k) => new JsonField(item, `${where}[${k}]`));
  }

  isList(): boolean {
    return Array.isArray(this.value);
  }

  text(expected = 'text'): string {
    return typeof this.value === 'string' ? this.value : this.refuse(expected);
  }

  /** One of some words. */
  word<Word extends string>(words: readonly Word[]): Word {
    const word = words.find(each => each === this.value);
    return word ?? this.refuse(words.map(each => JSON.stringify(each)).join(' or '));
  }

  flag(): boolean {
    return typeof this.value === 'boolean' ? this.value : this.refuse('true or false');
  }

  wholeNumber(): number {
    return Number.isSafeInteger(this.value) ? (this.value as number) : this.refuse('a whole number');
  }

  /** Runs what reads the value; its errors say where the value stands. */
  read<T>(action: () => T): T {
    return withContext({ entry: this.where }, action);
  }

  private at(key: string): string {
    return this.where === '' ? key : `${this.where}.${key}`;
  }
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
