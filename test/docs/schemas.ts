/** docs/schemas: what `--json` prints, as JSON Schemas. A reference is resolved beside the file that it stands in. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { readDocument, repository } from '../documents.js';

const FOLDER = 'docs/schemas';
const END = '.schema.json';

export type Schema = { [keyword: string]: unknown } & {
  $ref?: string;
  $defs?: Record<string, Schema>;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  oneOf?: Schema[];
  allOf?: Schema[];
  description?: string;
};

/** Names of the schemas, such as `convert`, and what is in them. */
export const SCHEMAS: ReadonlyMap<string, Schema> = new Map(
  readdirSync(join(repository, FOLDER))
    .sort()
    .map(file => [file.slice(0, -END.length), JSON.parse(readDocument(`${FOLDER}/${file}`)) as Schema]),
);

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
for (const [name, schema] of SCHEMAS) ajv.addSchema(schema, name + END);

export function validatorOf(name: string): ValidateFunction {
  return ajv.getSchema(name + END)!;
}

/** What is wrong with a document by a schema, a line each; none where it follows it. */
export function problemsOf(name: string, document: unknown): string[] {
  const validate = validatorOf(name);
  if (validate(document)) return [];
  return validate.errors!.map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

/** A schema and the name of the file that it stands in. */
export interface Placed {
  schema: Schema;
  file: string;
}

/** What a pointer such as `convert.schema.json#/$defs/report` means, seen from a file. */
export function schemaAt(pointer: string, from: string): Placed {
  const [file = '', path = ''] = pointer.split('#');
  const name = file === '' ? from : file.slice(0, -END.length);
  let found: unknown = SCHEMAS.get(name);
  for (const key of path.split('/').slice(1)) found = (found as Record<string, unknown> | undefined)?.[key];
  if (found === undefined) throw new Error(`no schema ${pointer} (seen from ${from})`);
  return { schema: found as Schema, file: name };
}
