/** docs/schemas against what the real program prints. */
import { join } from 'node:path';
import { COMMANDS } from '../../src/cli/commands.js';
import { failureDocument, successDocument } from '../../src/cli/json-document.js';
import {
  type Completeness,
  type ConvertResult,
  checkpointStats,
  type ErrorCode,
  FINDING_RULES,
  inspectCheckpoint,
  SCAN_RULES,
  scan,
  verify,
  type WarningKind,
} from '../../src/index.js';
import { repository } from '../documents.js';
import { fixtureCases } from '../fixtures.js';
import { equal, is, ok, suite } from '../suite.js';
import { DOCUMENT_CASES } from './document-cases.js';
import { fieldRows } from './field-table.js';
import { realDocument } from './real-documents.js';
import { problemsOf, SCHEMAS, type Schema, schemaAt, validatorOf } from './schemas.js';
import { LOSS_KINDS, SAVE_STATES } from './words.js';

const NAMES = Object.keys(DOCUMENT_CASES);

suite('schemas', ({ each, test }) => {
  test('every command that has --json has one, and cases', () => {
    const commands = COMMANDS.filter(({ options }) => options.some(({ name }) => name === 'json'));
    equal(
      commands.map(({ name }) => name).sort(),
      [...SCHEMAS.keys()].filter(name => !['definitions', 'failure', 'progress-event'].includes(name)),
    );
    equal(commands.map(({ name }) => name).sort(), [...NAMES].sort());
  });

  each([...SCHEMAS.keys()], name => `${name} is a schema, and none of its references is lost`, validatorOf);

  each(
    [...SCHEMAS.keys()].filter(name => name !== 'definitions').flatMap(pointersOf),
    pointer => `every field of ${pointer} has a meaning`,
    pointer => {
      const rows = fieldRows(pointer);
      equal(
        rows.filter(({ descriptions }) => descriptions.length === 0).map(({ path }) => path),
        [],
      );
    },
  );
});

/** Schemas of the documents in a file, but for that of a failure, which has a file of its own. */
function pointersOf(name: string): string[] {
  const { oneOf } = SCHEMAS.get(name)!;
  if (oneOf === undefined) return [`${name}.schema.json`];
  return oneOf
    .map(({ $ref }) => $ref!)
    .filter($ref => $ref.startsWith('#'))
    .map($ref => `${name}.schema.json${$ref}`);
}

for (const name of NAMES) {
  const cases = DOCUMENT_CASES[name]!;
  suite(`schemas: ${name}`, ({ each, test }) => {
    each(
      cases,
      ({ line, before }) => (before === undefined ? line : `${before}; ${line}`),
      async ({ line, before, code = 0 }) => {
        const real = await realDocument(line, before);
        is(real.code, code);
        is(real.document.ok, code !== 2);
        equal(problemsOf(name, real.document), []);
      },
    );

    test('every field occurs in one of them', async () => {
      const seen = new Set<string>();
      for (const { line, before } of cases) {
        for (const path of pathsOf((await realDocument(line, before)).document)) seen.add(path);
      }
      const fields = pointersOf(name).flatMap(pointer => fieldRows(pointer, { whole: true }));
      equal(
        [...new Set(fields.map(({ path }) => path))]
          .filter(path => !seen.has(path))
          .filter(path => !isNeverMade(path)),
        [],
      );
    });

    test('every object of a document refuses a field more, every value another type', async () => {
      const { line, before } = cases[0]!;
      const { document } = await realDocument(line, before);
      const changes = changesOf(document);
      ok(changes.length > 20, String(changes.length));
      equal(
        changes.filter(change => problemsOf(name, change.document).length === 0).map(({ what }) => what),
        [],
      );
    });

    test('each required field is missed', async () => {
      const { line, before } = cases[0]!;
      const { document } = await realDocument(line, before);
      const optional = Object.keys(document).filter(key => {
        const { [key]: _, ...rest } = document;
        return problemsOf(name, rest).length === 0;
      });
      equal(optional, OPTIONAL[name] ?? []);
    });
  });
}

/** Fields of the first document of each command that may be absent. */
const OPTIONAL: Record<string, string[]> = {
  convert: ['crc', 'workers'],
  inspect: ['version'],
  stats: ['crc'],
};

/** What a file system makes that refuses to remove a temporary, and a GPU. */
function isNeverMade(path: string): boolean {
  return /(^|\.)(left_behind|limits)\[\]$/.test(path);
}

/** Paths as tables write them: `crc`, `crc.checked`, `losses[]`, `losses[].kind`. */
function pathsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value))
    return [...(value.length > 0 ? [`${path}[]`] : []), ...value.flatMap(item => pathsOf(item, `${path}[]`))];
  if (typeof value !== 'object' || value === null) return [path];
  return [
    ...(path === '' ? [] : [path]),
    ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, path === '' ? key : `${path}.${key}`)),
  ];
}

/** The document with one thing wrong, at every place in turn. */
function changesOf(document: object): { what: string; document: unknown }[] {
  const changes: { what: string; document: unknown }[] = [];
  const at = (
    keys: readonly (string | number)[],
    change: (holder: Record<string | number, unknown>, key: string | number) => void,
    what: string,
  ): void => {
    const copy = { document: structuredClone(document) } as Record<string | number, unknown>;
    let holder = copy;
    const [last, ...rest] = ['document', ...keys].reverse();
    for (const key of rest.reverse()) holder = holder[key] as Record<string | number, unknown>;
    change(holder, last!);
    changes.push({ what: `${what} at ${keys.join('.')}`, document: copy.document });
  };
  const visit = (value: unknown, keys: readonly (string | number)[]): void => {
    if (Array.isArray(value)) {
      at(keys, (holder, key) => (holder[key] = { 0: value[0] }), 'an object for a list');
      for (const [i, item] of value.entries()) visit(item, [...keys, i]);
    } else if (typeof value === 'object' && value !== null) {
      at(keys, (holder, key) => (holder[key] = { ...value, one_more: 1 }), 'a field more');
      for (const [key, item] of Object.entries(value)) visit(item, [...keys, key]);
    } else at(keys, (holder, key) => (holder[key] = [value]), 'a list for a value');
  };
  visit(document, []);
  return changes;
}

/** Commands on one path, in this process. */
const LOOKS: Readonly<Record<string, (path: string) => Promise<object>>> = {
  inspect: path => inspectCheckpoint(path, { chunks: true, objects: 'short' }),
  stats: async path => ({
    ...(await checkpointStats(path, { device: 'cpu', workers: 0 })),
    failedOn: [],
    elapsedSeconds: 0,
  }),
  verify: async path => ({ ...(await verify(path, { crc: true, workers: 0 })), elapsedSeconds: 0 }),
  scan: async path => ({ ...(await scan(path)), elapsedSeconds: 0 }),
};

suite('schemas: every fixture', ({ each }) => {
  each(
    Object.entries(LOOKS),
    ([name]) => `dcp ${name}`,
    async ([name, look]) => {
      for (const { path } of fixtureCases) {
        const text = await look(join(repository, 'fixtures', path)).then(
          report => successDocument(name, report),
          (error: unknown) => failureDocument(name, error),
        );
        equal(problemsOf(name, JSON.parse(text)), [], path);
      }
    },
  );
});

suite('schemas: words', ({ each, test }) => {
  const warnings: Record<WarningKind, true> = {
    torn_overwrite: true,
    leftover: true,
    descended: true,
    other_type: true,
    reshaped: true,
  };
  const errors: Record<ErrorCode | 'internal', true> = {
    usage: true,
    file: true,
    format: true,
    unsupported: true,
    limit: true,
    corrupt: true,
    check: true,
    interrupted: true,
    internal: true,
  };
  const statuses: Record<ConvertResult['status'], true> = {
    converted: true,
    up_to_date: true,
    planned: true,
  };
  const completeness: Record<Completeness, true> = {
    complete: true,
    ranks_missing: true,
    files_missing: true,
    files_short: true,
    index_only: true,
  };
  const REPORT = 'schema.json#/$defs/report/properties';
  each<readonly [pointer: string, words: readonly string[]]>(
    [
      [`convert.${REPORT}/losses/items/properties/kind`, Object.keys(LOSS_KINDS)],
      [`convert.${REPORT}/status`, Object.keys(statuses)],
      ['definitions.schema.json#/$defs/warnings/items/properties/kind', Object.keys(warnings)],
      ['failure.schema.json#/properties/error/properties/code', Object.keys(errors)],
      ['inspect.schema.json#/$defs/completeness', Object.keys(completeness)],
      [`verify.${REPORT}/state`, Object.keys(SAVE_STATES)],
      ['verify.schema.json#/$defs/rule', FINDING_RULES],
      [`scan.${REPORT}/findings/items/properties/rule`, SCAN_RULES],
    ],
    ([pointer]) => pointer,
    ([pointer, words]) => equal(wordsAt(pointer), [...words]),
  );

  test('a word that is none is refused', async () => {
    const { document } = await realDocument(DOCUMENT_CASES.convert![0]!.line);
    ok(problemsOf('convert', { ...document, status: 'done' }).length > 0);
  });
});

function wordsAt(pointer: string): unknown[] {
  return (schemaAt(pointer, '').schema as Schema).enum!;
}
