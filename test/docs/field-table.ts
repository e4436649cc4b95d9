/** The table of the fields of a JSON document, made of its schema: docs/json.md has one for each. */
import { type Placed, type Schema, schemaAt } from './schemas.js';

/** A field, by its path: `losses[].kind`, or `size[]` of a list of numbers. */
export interface FieldRow {
  path: string;
  /** Each as Markdown. */
  types: string[];
  /** Whether it may be absent where what it stands in is there. */
  isOptional: boolean;
  descriptions: string[];
}

/** Every field below a schema. A definition that occurs twice is told of once, and then referred to, unless `whole`. */
export function fieldRows(pointer: string, { whole = false } = {}): FieldRow[] {
  return new FieldWalk(whole).rowsOf('', schemaAt(pointer, ''), false);
}

export function fieldTable(pointer: string): string {
  const lines = fieldRows(pointer).map(({ path, types, isOptional, descriptions }) => {
    const type = typeText(types) + (isOptional ? ', optional' : '');
    return `| \`${path}\` | ${type} | ${descriptions.join('; ').replaceAll('|', '\\|')} |`;
  });
  return ['| Field | Type | Meaning |', '| --- | --- | --- |', ...lines].join('\n');
}

const REFERENCE = 'fields as in ';

class FieldWalk {
  /** Where a definition was told of first. */
  private readonly told = new Map<Schema, string>();

  constructor(private readonly whole: boolean) {}

  rowsOf(path: string, placed: Placed, isOptional: boolean): FieldRow[] {
    const { schema, file, definition } = resolved(placed);
    if (schema.oneOf !== undefined) {
      const variants = schema.oneOf.map(variant => this.rowsOf(path, { schema: variant, file }, isOptional));
      return merged(variants);
    }
    if (schema.items !== undefined) return this.rowsOfList(path, { schema, file }, isOptional);
    if (schema.properties === undefined && schema.allOf === undefined) {
      return [row(path, typesOf(schema), isOptional, schema.description)];
    }
    const above = path === '' ? [] : [row(path, typesOf(schema), isOptional, schema.description)];
    const [fields, reference] = this.fieldsOf(path, { schema, file }, definition);
    if (reference !== undefined) above[0]?.descriptions.push(reference);
    return [...above, ...fields];
  }

  private rowsOfList(path: string, { schema, file }: Placed, isOptional: boolean): FieldRow[] {
    const items = this.rowsOf(`${path}[]`, { schema: schema.items!, file }, false);
    const [first, ...fields] = items;
    const types = [`list of ${typeText(first!.types.map(type => PLURALS[type] ?? type))}`];
    const list = row(`${path}[]`, types, isOptional, schema.description ?? first!.descriptions[0]);
    list.descriptions.push(...first!.descriptions.filter(text => text.startsWith(REFERENCE)));
    return [list, ...fields];
  }

  /** Rows of the fields of an object; in place of those told of before, the words that refer to them. */
  private fieldsOf(
    path: string,
    { schema, file }: Placed,
    definition?: Schema,
  ): [rows: FieldRow[], reference: string | undefined] {
    const known = definition === undefined ? undefined : this.told.get(definition);
    if (known !== undefined && !this.whole) return [[], `${REFERENCE}\`${known}\``];
    if (definition !== undefined) this.told.set(definition, path);
    const own = Object.entries(schema.properties ?? {}).flatMap(([key, field]) =>
      this.rowsOf(
        path === '' ? key : `${path}.${key}`,
        { schema: field, file },
        !(schema.required ?? []).includes(key),
      ),
    );
    let reference: string | undefined;
    const inherited = (schema.allOf ?? []).flatMap(part => {
      const base = resolved({ schema: part, file });
      const [rows, words] = this.fieldsOf(path, base, base.definition);
      reference ??= words;
      return rows;
    });
    return [[...own, ...inherited], reference];
  }
}

/** Follows references. What stands beside a reference counts more than what it leads to. */
function resolved({ schema, file }: Placed): Placed & { definition?: Schema } {
  if (schema.$ref === undefined) return { schema, file };
  const { $ref, ...beside } = schema;
  const target = schemaAt($ref, file);
  const inner = resolved(target);
  return { schema: { ...inner.schema, ...beside }, file: inner.file, definition: target.schema };
}

function row(path: string, types: string[], isOptional: boolean, description?: string): FieldRow {
  return { path, types, isOptional, descriptions: description === undefined ? [] : [description] };
}

/** One row a path: of a field that not every variant has, which may therefore be absent. */
function merged(variants: readonly FieldRow[][]): FieldRow[] {
  const rows = new Map<string, FieldRow>();
  for (const variant of variants) {
    for (const { path, types, isOptional, descriptions } of variant) {
      const known = rows.get(path);
      if (known === undefined) rows.set(path, { path, types, isOptional, descriptions });
      else {
        known.types = [...new Set([...known.types, ...types])];
        known.descriptions = [...new Set([...known.descriptions, ...descriptions])];
        known.isOptional ||= isOptional;
      }
    }
  }
  for (const known of rows.values()) {
    const parent = known.path.slice(0, known.path.lastIndexOf('.'));
    const having = variants.filter(variant => variant.some(({ path }) => path === parent));
    known.isOptional ||= having.some(variant => !variant.some(({ path }) => path === known.path));
  }
  return [...rows.values()];
}

/** Of more a table of its own tells. */
const MAX_WORDS = 9;

const TYPE_NAMES: Record<string, string> = {
  string: 'text',
  number: 'number',
  integer: 'integer',
  boolean: 'true or false',
  object: 'object',
  array: 'list',
  null: 'null',
};

const PLURALS: Record<string, string> = {
  text: 'texts',
  number: 'numbers',
  integer: 'integers',
  object: 'objects',
  'a word': 'words',
};

function typesOf(schema: Schema): string[] {
  const words = schema.enum ?? ('const' in schema ? [schema.const] : undefined);
  if (words !== undefined && words.length > MAX_WORDS) return ['a word'];
  if (words !== undefined) return words.map(word => `\`${JSON.stringify(word)}\``);
  return [schema.type ?? 'object'].flat().map(type => TYPE_NAMES[type]!);
}

/** Words after each other, then all else. */
function typeText(types: readonly string[]): string {
  const words = types.filter(type => type.startsWith('`')).join(', ');
  return [...(words === '' ? [] : [words]), ...types.filter(type => !type.startsWith('`'))].join(' or ');
}
