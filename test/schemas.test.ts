/** docs/schemas: what commands print with --json, checked against their schemas by Ajv. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { dcp } from './cli/run-dcp.js';
import { readDocument } from './documents.js';
import { copyFixture, fixtureCases, fixturePath } from './fixtures.js';
import { scratch } from './io/scratch.js';
import { equal, is, ok, suite } from './suite.js';

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
const validate = ajv.compile(JSON.parse(readDocument('docs/schemas/inspect.schema.json')) as object);

function problemsOf(document: unknown, check: ValidateFunction = validate): string[] {
  if (check(document)) return [];
  return check.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

async function inspected(...args: string[]): Promise<Record<string, unknown>> {
  const { stdout, stderr } = await dcp(['inspect', ...args, '--json']);
  ok(stdout.trimEnd().split('\n').length === 1, stderr);
  return JSON.parse(stdout) as Record<string, unknown>;
}

const FSDP2 = fixturePath('fsdp2_adam');

suite('schemas: inspect', ({ each, test }) => {
  each(
    [
      [FSDP2],
      [FSDP2, '--chunks'],
      [FSDP2, '--objects'],
      [FSDP2, 'app.model.net1.weight', '--slice', '5'],
      [FSDP2, 'app.optim.param_groups.0.lr'],
      [FSDP2, '--mesh', '2', '--placements', 'Shard(0)'],
      [join(FSDP2, '.metadata')],
      [FSDP2, '--pickle'],
      [fixturePath('torn_overwrite')],
      [fixturePath('vanished_class')],
      [fixturePath('cyclic')],
      [join(FSDP2, 'nothing')],
      ['--frobnicate'],
    ],
    args => args.join(' ').replace(FSDP2, 'fsdp2_adam'),
    async args => equal(problemsOf(await inspected(...args)), []),
  );

  each(
    fixtureCases.filter(({ torch }) => torch === '2.14.1' || torch === '1.7.1'),
    ({ name, torch }) => `${name} of torch ${torch}`,
    async ({ name, torch }) => equal(problemsOf(await inspected(fixturePath(name, torch))), []),
  );

  test('a page, a checkpoint with a file cut short, a directory of several', async () => {
    const directory = scratch();
    const page = await inspected(FSDP2, '--html', join(directory, 'report.html'));
    ok('html' in page);
    equal(problemsOf(page), []);
    mkdirSync(join(directory, 'run'));
    const short = copyFixture('fsdp2_adam', join(directory, 'run'));
    writeFileSync(join(short, '__2_0.distcp'), 'x');
    const document = await inspected(short);
    is(document.completeness, 'files_short');
    equal(problemsOf(document), []);
    copyFixture('tied_dcp', join(directory, 'run'));
    const list = await inspected(join(directory, 'run'));
    ok('checkpoints' in list);
    equal(problemsOf(list), []);
  });

  each(
    [
      ['an unknown field', document => ({ ...document, more: 1 })],
      ['a field that is missing', ({ tensors: _, ...document }) => document],
      ['a length as text', document => ({ ...document, byte_length: '4912' })],
      ['another schema', document => ({ ...document, schema: 2 })],
      [
        'a tensor without a type',
        ({ entries, ...document }) => ({
          ...document,
          entries: [{ ...(entries as object[])[0], dtype: undefined }],
        }),
      ],
    ] as [string, (document: Record<string, unknown>) => object][],
    ([what]) => `${what} is refused`,
    async ([, change]) => {
      const document = await inspected(FSDP2);
      ok(problemsOf(JSON.parse(JSON.stringify(change(document)))).length > 0);
    },
  );
});
